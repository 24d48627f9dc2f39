"""Kernels for a transfer function of the user's own: a kernel file with other fills in it, compiled once and kept on disk.

numba caches only what stands at the top of a module that is a file. So the text is written to a folder beside numba's, under a
name that carries its digest, and imported from there: any later process finds it, and its compiled code, as it is.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

_FILLS = {"fill_response", "fill_gain", "fill_curvature"}
_FUNCTIONS = "nessmap.kernels.functions"
# numba compares a file's time with that of its compiled code: all that write the same text give it the same
_TIME = 1_000_000_000
_lock = threading.Lock()


def specialised(kernel_file: str, definitions: str) -> ModuleType:
    """The module kernels/<kernel_file>.py with `definitions` in place of its import of fills from kernels/functions.py.

    The same module on every call in a process. Several processes may ask for it at once.

    Parameters
    ----------
    kernel_file : name without .py.
    definitions : text that defines fill_response, fill_gain and fill_curvature; theory/transfer_source.py writes it.

    Raises
    ------
    LookupError : the kernel file has no import statement of fills alone.
    """
    text = _with_definitions(kernel_file, definitions)
    name = f"nessmap_generated_{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
    with _lock:
        if name not in sys.modules:
            sys.modules[name] = _imported(name, _stored(name, text))
        return sys.modules[name]


def _with_definitions(kernel_file: str, definitions: str) -> str:
    text = Path(__file__).with_name(f"{kernel_file}.py").read_text()
    lines = text.splitlines()
    found = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom)
        and node.module == _FUNCTIONS
        and {alias.name for alias in node.names} <= _FILLS
        and not any(alias.asname for alias in node.names)
    ]
    if len(found) != 1:
        raise LookupError(
            f"kernels/{kernel_file}.py: {len(found)} statements import fills from {_FUNCTIONS}, expected 1 at the top of the"
            f" file with some of {', '.join(sorted(_FILLS))} and nothing else"
        )
    lines[found[0].lineno - 1 : found[0].end_lineno] = definitions.splitlines()
    return "\n".join(lines) + "\n"


def _stored(name: str, text: str) -> Path:
    """The file that holds a text, written whole or not at all; one that holds it already stays as it is."""
    folder = Path(os.environ["NUMBA_CACHE_DIR"]).parent / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    if path.exists() and path.read_text() == text:
        return path
    own = folder / f".{name}.{os.getpid()}.{threading.get_ident()}"
    own.write_text(text)
    os.utime(own, (_TIME, _TIME))
    own.replace(path)
    return path


def _imported(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LookupError(f"{path}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    # numba looks a function's module up while it compiles
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
