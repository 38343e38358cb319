"""Plug-ins: found by name or by file, built with checked settings, explained."""

from metier.recipes.plugins.construct import Use, build, construct, named
from metier.recipes.plugins.explain import settings_help
from metier.recipes.plugins.files import files_run, from_file, own_code
from metier.recipes.plugins.registry import KINDS, PARTS, about, defined, find, names, our_benchmarks, singular

__all__ = [
    "KINDS",
    "PARTS",
    "Use",
    "about",
    "build",
    "construct",
    "defined",
    "files_run",
    "find",
    "from_file",
    "named",
    "names",
    "our_benchmarks",
    "own_code",
    "settings_help",
    "singular",
]
