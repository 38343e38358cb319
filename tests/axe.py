"""axe-core (Deque, MPL-2.0): rules of WCAG that a page breaks. Fetched from npm when a test asks for it, never committed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import Browser

VERSION = "4.10.3"


def source(cache: Path) -> str:
    """The script of axe-core. Skips the test where npm or its registry is not there."""
    folder = cache / f"axe-core-{VERSION}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        if shutil.which("npm") is None:
            pytest.skip("no npm on PATH: axe-core cannot be fetched")
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder)]
        done = subprocess.run([*command, f"axe-core@{VERSION}"], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"npm could not fetch axe-core: {done.stderr.strip()[-200:]}")
    return script.read_text(encoding="utf-8")


def violations(browser: Browser, script: str) -> list[str]:
    """What axe finds wrong with the page that is open: the rule and the first elements that break it."""
    browser.ask(script)
    browser.call(
        "Runtime.evaluate",
        expression="axe.run(document, {resultTypes: ['violations']}).then(found => { window.found = found })",
        awaitPromise=True,
    )
    found = json.loads(browser.ask("JSON.stringify(window.found.violations)"))
    return [f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes'][:3]]}" for one in found]
