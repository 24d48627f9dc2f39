"""A model of the user's own, named in a sweep as path/to/file.py:ClassName; it needs no change to nessmap.

The file is the user's program and is run as such. Records are named by what its code says, comments and docstrings aside, so
that an edit computes afresh what it may have changed.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import re
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

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


def _neighbours(file: Path, seen: set[Path]) -> set[Path]:
    """The files beside one that it imports, and that those import: their code is its code too."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            beside = file.parent / f"{name.split('.')[0]}.py"
            if beside.is_file() and beside not in seen:
                seen.add(beside)
                _neighbours(beside, seen)
    return seen


def _digest_of(file: Path) -> str:
    files = sorted({file, *_neighbours(file, set())})
    return hashlib.blake2b("".join(code_digest(one.read_text()) for one in files).encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=64)
def _loaded(path: str, name: str, content: bytes, known: frozenset[str]) -> type[Model]:
    module = ModuleType(f"nessmap_model_{hashlib.blake2b(path.encode() + content, digest_size=8).hexdigest()}")
    module.__file__ = path
    module_name = module.__name__
    sys.modules[module_name] = module  # dataclasses look their module up
    sys.path.insert(0, str(Path(path).parent))  # what lies beside it can be imported
    try:
        # the text that is digested, not what an import would find compiled beside it
        exec(compile(content, path, "exec"), module.__dict__)
        code = _digest_of(Path(path))
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(Path(path).parent))
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Model)):
        here = [key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, Model)]
        own = [key for key in here if vars(module)[key].__module__ == module_name]
        raise ValueError(f"{path} has no model {name!r}; it has {', '.join(own) or 'none'}")
    if inspect.isabstract(found):
        raise ValueError(f"{path}: {name} lacks {', '.join(sorted(found.__abstractmethods__))}")
    for attribute, kind in (("name", str), ("version", int)):
        if not isinstance(getattr(found, attribute, None), kind):
            raise ValueError(f"{path}: {name} lacks {attribute}, expected a class attribute of type {kind.__name__}")
    if "__dataclass_params__" not in vars(found) or not found.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise ValueError(
            f"{path}: {name} is no frozen dataclass, expected @dataclasses.dataclass(frozen=True) above it"
        )
    for field in dataclasses.fields(found):  # type: ignore[arg-type]
        if "long_name" not in field.metadata:
            raise ValueError(
                f"{path}: {name}.{field.name} is no parameter, expected {field.name} = parameter(default, words)"
            )
    if not _NAME.fullmatch(found.name) or found.name in known:
        taken = "is taken by a shipped model" if found.name in known else "is no name (a-z, 0-9, _)"
        raise ValueError(f"{path}: {name}.name = {found.name!r} {taken}; choose another")
    found.code = f"{name} {code}"  # two classes of a file may share a name
    return found
