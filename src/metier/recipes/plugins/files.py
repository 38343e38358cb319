"""Plug-ins that are given by the path of a Python file: the file is run as a module of its own."""

import hashlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from metier.errors import UserError, shortened, shown

FILE_MODULE = "metier_plugin_"
"""How the names of modules begin that were given as a file."""


def from_file(path: Path) -> ModuleType:
    """The module of a file, which is run."""
    if not path.is_file():
        raise UserError(
            f"There is no plug-in file {shown(str(path))}. Give the path of a Python file, or the name of a plug-in."
        )
    whole = path.absolute()
    # Two files of one name are two modules: dataclasses look up their types by the module's name.
    name = f"{FILE_MODULE}{path.stem}_{hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, whole)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loaded(str(path), str(whole), partial(spec.loader.exec_module, module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def loaded(name: str, file: str | None, load: Callable[[], Any]) -> Any:
    """What `load` returns. Raises `UserError` where its author got something wrong, with the line in the file."""
    try:
        return load()
    except UserError:
        raise
    # `sys.exit()` in a plug-in would end a run with exit code 0, as if it had said SHIP.
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{name}, line {line}" if line else name
        why = f"{type(error).__name__}: {shortened(str(error), 300)}"
        raise UserError(f"{where}: the plug-in cannot be loaded ({why}). Fix it.") from error


def files_run() -> list[str]:
    """The Python files outside this package that were run as plug-ins, in the order in which they first were."""
    return [str(module.__file__) for name, module in list(sys.modules.items()) if name.startswith(FILE_MODULE)]


def own_code(plugin: Any) -> str:
    """A hash of the file that a plug-in was given by; empty for those that have a name, which have a version."""
    kind = type(plugin)
    if not kind.__module__.startswith(FILE_MODULE):
        return ""
    # Not by the module's name, which two files of one name in two folders share.
    files = {of.__code__.co_filename for of in vars(kind).values() if inspect.isfunction(of)}
    own = sorted(file for file in files if Path(file).is_file())
    return " ".join(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in own)
