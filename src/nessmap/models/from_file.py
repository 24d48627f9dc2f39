"""A model of the user's own, named in a sweep as path/to/file.py:ClassName; it needs no change to nessmap.

The file is the user's program and is run as such. Records are named by what its code says, comments and docstrings aside, so
that an edit computes afresh what it may have changed.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import re
import sys
from functools import lru_cache
from pathlib import Path

from nessmap.model import Model

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def code_digest(text: str) -> str:
    """Digest of a program without its comments and docstrings.

    >>> code_digest("x = 1") == code_digest("x = 1  # one")
    True
    """
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest()


def load_model(reference: str, known: frozenset[str]) -> type[Model]:
    """The class that path/to/file.py:ClassName names; ValueError says what is wrong with it. known: names that are taken."""
    path, _, name = reference.rpartition(":")
    if not path.endswith(".py"):
        raise ValueError(f"{reference!r}, expected a shipped model or path/to/file.py:ClassName")
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"{reference!r}: no file {path}")
    return _loaded(str(file.resolve()), name, file.read_bytes(), known)


@lru_cache(maxsize=64)
def _loaded(path: str, name: str, content: bytes, known: frozenset[str]) -> type[Model]:
    module_name = f"nessmap_model_{hashlib.blake2b(path.encode() + content, digest_size=8).hexdigest()}"
    specification = importlib.util.spec_from_file_location(module_name, path)
    if specification is None or specification.loader is None:
        raise ValueError(f"{path}: cannot be read as Python")
    module = importlib.util.module_from_spec(specification)
    sys.modules[module_name] = module  # dataclasses look their module up
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Model)):
        here = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Model)]
        own = [key for key in here if vars(module)[key].__module__ == module_name]
        raise ValueError(f"{path} has no model {name!r}; it has {', '.join(own) or 'none'}")
    if inspect.isabstract(found):
        raise ValueError(f"{path}: {name} lacks {', '.join(sorted(found.__abstractmethods__))}")
    for attribute in ("name", "version"):
        if not hasattr(found, attribute):
            raise ValueError(f"{path}: {name} lacks {attribute}, expected a class attribute")
    if not _NAME.fullmatch(found.name) or found.name in known:
        taken = "is taken by a shipped model" if found.name in known else "is no name (a-z, 0-9, _)"
        raise ValueError(f"{path}: {name}.name = {found.name!r} {taken}; choose another")
    found.code = code_digest(content.decode())
    return found
