"""Reads a transfer function that a user wrote as a Python function, "path/to/file.py:name" or "package.module:name".

The file is neither imported nor run. The function's statements are followed with formulas in place of numbers: a branch becomes
a choice between two values, a loop over a known range is written out. What it returns is an Expression, with its derivatives.
"""

from __future__ import annotations

import ast
import difflib
import importlib.machinery
import importlib.util
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from nessmap.theory.transfer_algebra import ARGUMENTS, FUNCTIONS, Expression, Step, Tape, Term, applied, expression
from nessmap.theory.transfer_expression import ALIASES, CONSTANTS, Reader, syntax_tree

LARGEST_FILE = 10**6  # bytes
MOST_STATEMENTS = 2000  # followed, a loop's body once for each turn
_REFERENCE = re.compile(r"(?P<file>.+\.py|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)", re.DOTALL)
_OPERATIONS = {name: name for name in FUNCTIONS} | ALIASES
# max and min of numpy take one array
_OFFERED = {
    "math": {name for name in (*_OPERATIONS, *CONSTANTS) if hasattr(math, name)},
    "numpy": {name for name in (*_OPERATIONS, *CONSTANTS) if hasattr(np, name)} - {"max", "min"},
    "scipy.special": {"erf", "expit", "expm1", "log1p"},
}
_BUILTINS = {"abs": "abs", "max": "maximum", "min": "minimum", "pow": "**", "float": "float"}

# a statement, or an assignment of a loop's value
Statement = ast.stmt | tuple[ast.expr, ast.expr]


def is_reference(text: str) -> bool:
    """Whether a text names a function in a file or module.

    >>> is_reference("rates/mine.py:softplus"), is_reference("tanh(u)")
    (True, False)
    """
    return _REFERENCE.fullmatch(text.strip()) is not None


def read_function(reference: str) -> Expression:
    """The formula that a user's function f(u, slope, threshold) computes; a file's path is relative to the current folder.

    Allowed are assignments to names, if, for over range(...) or a tuple of numbers, return, and the expressions of `parse` with
    functions of math, numpy and scipy.special; no names from outside the function, no while.

    Raises
    ------
    ValueError : no such file or function, or anything else in it; the message names the line.
    """
    matched = _REFERENCE.fullmatch(reference.strip())
    if matched is None:
        raise ValueError(f"transfer: {reference!r}, expected path/to/file.py:name or package.module:name")
    path = _file_of(matched["file"], reference)
    found = path.stat()
    return _read(path, matched["name"], reference, (found.st_mtime_ns, found.st_size))


def _file_of(file: str, reference: str) -> Path:
    if file.endswith(".py"):
        path = Path(file).absolute()
        if not path.is_file():
            raise ValueError(f"transfer: {reference!r}: no file {file} in {Path.cwd()}, expected one")
        return path
    # importlib.util.find_spec would run the packages that a module lies in
    parts, folders = file.split("."), None
    for n in range(len(parts)):
        name = ".".join(parts[: n + 1])
        found = importlib.machinery.PathFinder.find_spec(name, folders) if n else importlib.util.find_spec(name)
        if found is None or (n < len(parts) - 1 and found.submodule_search_locations is None):
            raise ValueError(
                f"transfer: {reference!r}: no module {name}, expected an installed one, or path/to/file.py:name"
            )
        folders = list(found.submodule_search_locations or [])
    if found is None or not (found.origin or "").endswith(".py"):
        raise ValueError(f"transfer: {reference!r}: {file} has no Python source, expected a .py file")
    return Path(found.origin or "")


@lru_cache(maxsize=64)
def _read(path: Path, name: str, reference: str, stamp: tuple[int, int]) -> Expression:
    if stamp[1] > LARGEST_FILE:
        raise ValueError(
            f"transfer: {reference!r}: {stamp[1]} bytes, expected {LARGEST_FILE} at most; use a file of its own"
        )
    module = syntax_tree(path.read_text(), repr(reference), "exec")
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    named = [node for node in functions if node.name == name]
    if len(named) != 1:
        near = difflib.get_close_matches(name, [node.name for node in functions], n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(
            f"transfer: {reference!r}: {len(named)} functions {name} at the top of the file, expected 1{meant}"
        )
    tape = Tape()
    reader = Reader(tape, repr(reference), *_names(module), has_lines=True)
    arguments = [argument.arg for argument in named[0].args.args]
    others = ast.unparse(named[0].args) != ", ".join(ast.unparse(argument) for argument in named[0].args.args)
    if len(arguments) != len(ARGUMENTS) or others or named[0].decorator_list:
        raise ValueError(
            f"transfer: {reference!r} is def {name}({ast.unparse(named[0].args)}), expected def {name}(u, slope, threshold)"
            " without defaults or decorators"
        )
    terms = {argument: tape.add(Step(own)) for argument, own in zip(arguments, ARGUMENTS, strict=True)}
    return expression(_Program(reader).returned(named[0].body, terms, named[0]))


def _names(module: ast.Module) -> tuple[dict[str, str], dict[str, float]]:
    """Functions and constants by the names that a file imports them under; what it makes itself is not among them."""
    functions, constants = dict(_BUILTINS), dict[str, float]()
    for node in module.body:
        bound = _bound(node)
        for known in (functions, constants):
            for name in [name for name in known if name.partition(".")[0] in bound or "*" in bound]:
                del known[name]
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            if isinstance(node, ast.Import) and alias.name in _OFFERED:
                offered = {f"{alias.asname or alias.name}.{name}": name for name in _OFFERED[alias.name]}
            elif isinstance(node, ast.ImportFrom) and alias.name in _OFFERED.get(node.module or "", ()):
                offered = {alias.asname or alias.name: alias.name}
            else:
                continue
            functions |= {own: _OPERATIONS[name] for own, name in offered.items() if name in _OPERATIONS}
            constants |= {own: CONSTANTS[name] for own, name in offered.items() if name in CONSTANTS}
    return functions, constants


def _bound(node: ast.stmt) -> set[str]:
    """Names that a statement at the top of a file gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


class _Program:
    """Follows statements, and counts them."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.n_statement = 0

    def returned(self, statements: Sequence[Statement], terms: dict[str, Term], whole: ast.AST) -> Term:
        """The value that statements return; the rest after a branch that may return is followed on both ways."""
        for n, statement in enumerate(statements):
            self._counted()
            match statement:
                case ast.Return(value=value) if value is not None:
                    return self.reader.number(value, terms)
                case ast.If(test=test, body=body, orelse=orelse) if _returns(statement):
                    condition = self.reader.condition(test, terms)
                    rest = statements[n + 1 :]
                    if condition.step.operation in ("true", "false"):
                        chosen = body if condition.step.operation == "true" else orelse
                        return self.returned([*chosen, *rest], terms, whole)
                    first = self.returned([*body, *rest], dict(terms), whole)
                    return applied("where", condition, first, self.returned([*orelse, *rest], dict(terms), whole))
                case ast.For() if _returns(statement):
                    return self.returned([*self._turns(statement, terms), *statements[n + 1 :]], terms, whole)
                case _:
                    self._follow(statement, terms)
        raise self.reader.refusal(whole, "ends without a return of a value")

    def _follow(self, statement: Statement, terms: dict[str, Term]) -> None:
        """Change the terms as a statement without a return does."""
        self._counted()
        match statement:
            case (ast.expr() as target, ast.expr() as value):
                self._assign(target, value, terms)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value, terms)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value, terms)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=sign, value=value):
                sum_of = ast.copy_location(ast.BinOp(ast.Name(name, ast.Load()), sign, value), statement)
                self._assign(target, sum_of, terms)
            case ast.If(test=test, body=body, orelse=orelse):
                self._merge(self.reader.condition(test, terms), body, orelse, terms)
            case ast.For():
                for turn in self._turns(statement, terms):
                    self._follow(turn, terms)
            case ast.Pass() | ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.AST():
                reason = "expected assignments to names, if, for over range(...) or numbers, and return only"
                raise self.reader.refusal(statement, reason)

    def _assign(self, target: ast.expr, value: ast.expr, terms: dict[str, Term]) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            values = [self.reader.number(part, terms) for part in value.elts]
            for part, term in zip(target.elts, values, strict=True):
                self._bind(part, term, terms)
        else:
            self._bind(target, self.reader.number(value, terms), terms)

    def _bind(self, target: ast.expr, term: Term, terms: dict[str, Term]) -> None:
        if not isinstance(target, ast.Name):
            raise self.reader.refusal(target, "expected an assignment to a name")
        terms[target.id] = term

    def _merge(
        self, condition: Term, body: Sequence[Statement], orelse: Sequence[Statement], terms: dict[str, Term]
    ) -> None:
        """Both ways of a branch, then a choice for each name that either has changed."""
        if condition.step.operation in ("true", "false"):
            for statement in body if condition.step.operation == "true" else orelse:
                self._follow(statement, terms)
            return
        first, second = dict(terms), dict(terms)
        for statements, own in ((body, first), (orelse, second)):
            for statement in statements:
                self._follow(statement, own)
        # a name that only one way gives a value has none afterwards; in order, as a set has none that lasts
        shared = [name for name in first if name in second]
        terms |= {name: applied("where", condition, first[name], second[name]) for name in shared}

    def _turns(self, loop: ast.For, terms: dict[str, Term]) -> list[Statement]:
        """The statements of a loop, written out."""
        if loop.orelse or any(isinstance(part, ast.Break | ast.Continue) for part in ast.walk(loop)):
            raise self.reader.refusal(loop, "expected a loop without break, continue or else")
        values: Sequence[ast.expr]
        match loop.iter:
            case ast.Tuple(elts=values) | ast.List(elts=values):
                pass
            case ast.Call(func=ast.Name(id="range"), args=bounds, keywords=[]) if 1 <= len(bounds) <= 3:
                numbers = [self.reader.number(bound, terms).number for bound in bounds]
                whole = [int(number) for number in numbers if number is not None and number in range(-(10**6), 10**6)]
                if len(whole) < len(bounds) or whole[2:] == [0]:
                    raise self.reader.refusal(loop.iter, "expected a range of whole numbers")
                turns = range(*whole)
                self._counted(len(turns))
                values = [ast.copy_location(ast.Constant(turn), loop) for turn in turns]
            case _:
                raise self.reader.refusal(loop.iter, "expected range(...) or numbers to loop over")
        written: list[Statement] = []
        for value in values:
            written += [(loop.target, value), *loop.body]
        return written

    def _counted(self, n: int = 1) -> None:
        self.n_statement += n
        if self.n_statement > MOST_STATEMENTS:
            raise ValueError(
                f"transfer: {self.reader.shown} takes more than {MOST_STATEMENTS} statements, expected fewer turns and branches"
            )


def _returns(statement: ast.AST) -> bool:
    return any(isinstance(part, ast.Return) for part in ast.walk(statement))
