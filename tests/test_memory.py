"""Memory that a long training must not keep."""

import os
import subprocess
import sys

GROW = """
import os
from metier.engine.model import load
network = load("fake").network
print(os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"])
"""


def printed(**more):
    told = {key: value for key, value in os.environ.items() if key != "ONEDNN_PRIMITIVE_CACHE_CAPACITY"} | more
    return subprocess.run([sys.executable, "-c", GROW], capture_output=True, text=True, env=told, check=True).stdout


def test_few_compiled_products_are_kept_and_a_users_own_number_stands():
    assert printed() == "64\n"
    assert printed(ONEDNN_PRIMITIVE_CACHE_CAPACITY="7") == "7\n"
