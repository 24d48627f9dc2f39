"""Reads a transfer function that a user wrote as a formula, "arcsinh(slope*(u - threshold))"; nothing of it is ever run.

Python's own parser makes a tree, and each node of it is taken over as a step of an Expression or refused.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from typing import Any, NamedTuple

from nessmap.theory.transfer_algebra import (
    ARGUMENTS,
    FUNCTIONS,
    LONGEST_TEXT,
    Expression,
    Step,
    Tape,
    Term,
    applied,
    expression,
)

DEEPEST = 100  # parentheses and calls inside one another
MOST_STEPS = 400
CONSTANTS = {"pi": math.pi, "e": math.e}
ALIASES = {
    "asinh": "arcsinh",
    "atan": "arctan",
    "fabs": "abs",
    "absolute": "abs",
    "expit": "logistic",
    "max": "maximum",
    "min": "minimum",
    "pow": "**",
    "power": "**",
}
_SIGNS: dict[type[ast.AST], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_REFUSED: dict[type[ast.AST], str] = {
    ast.Attribute: "attributes are not allowed",
    ast.Lambda: "functions without a name are not allowed",
    ast.Subscript: "elements of a sequence are not allowed",
    ast.Constant: "only numbers are allowed",
    ast.NamedExpr: "assignments inside an expression are not allowed",
}


def parse(text: str) -> Expression:
    """The formula in u, slope and threshold that a text writes; docs/theory.md, "Transfer functions".

    Allowed are numbers, pi, e, + - * / **, comparisons joined by and, or, not, `a if condition else b`, and the functions of
    FUNCTIONS, `where(condition, a, b)` among them.

    Raises
    ------
    ValueError : anything else; the message names the part, and the nearest name that is known.

    >>> parse("u/(1 + abs(u))").derivative().canonical
    '(1 - u / (1 + abs(u)) * sign(u)) / (1 + abs(u))'
    >>> float(parse("tanh(slope*(u - threshold))").value(1.0, 2.0, 1.0))
    0.0
    """
    shown = repr(text if len(text) <= 80 else f"{text[:77]}...")
    if len(text) > LONGEST_TEXT:
        raise ValueError(
            f"transfer: {shown} has {len(text)} characters, expected {LONGEST_TEXT} at most; write a function in a file"
        )
    tree = syntax_tree(" ".join(text.split()), shown, "eval")
    tape = Tape()
    names = {name: name for name in FUNCTIONS} | ALIASES
    reader = Reader(tape, shown, names, CONSTANTS)
    return expression(reader.number(tree.body, {name: tape.add(Step(name)) for name in ARGUMENTS}))


def syntax_tree(text: str, shown: str, mode: str) -> Any:
    """What Python's parser makes of a text, without its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode=mode)
    except SyntaxError as error:
        raise ValueError(f"transfer: {shown} is no Python: {error.msg}") from None
    except (RecursionError, MemoryError, ValueError):  # ValueError: a null character
        raise ValueError(f"transfer: {shown} cannot be read, expected a formula of moderate depth") from None


class Reader(NamedTuple):
    """Takes nodes of a syntax tree over as terms of a tape."""

    tape: Tape
    shown: str
    """What the user wrote, for messages."""
    functions: dict[str, str]
    """Operation by the text under which it is called."""
    constants: dict[str, float]
    has_lines: bool = False
    """Whether messages name the line."""

    def refusal(self, node: ast.AST, reason: str) -> ValueError:
        part = ast.unparse(node).strip().partition("\n")[0]
        part = part if len(part) <= 60 else f"{part[:57]}..."
        line = f", line {node.lineno}" if self.has_lines and hasattr(node, "lineno") else ""
        return ValueError(f"transfer: `{part}` in {self.shown}{line}: {reason}")

    def number(self, node: ast.expr, terms: dict[str, Term], depth: int = 0) -> Term:
        """The term of an expression whose value is a number."""
        term = self._term(node, terms, depth)
        if term.is_condition:
            raise self.refusal(node, "a comparison, expected a number; write where(condition, 1, 0)")
        return term

    def condition(self, node: ast.expr, terms: dict[str, Term], depth: int = 0) -> Term:
        """The term of a comparison, or of comparisons joined by and, or, not."""
        term = self._term(node, terms, depth)
        if not term.is_condition:
            raise self.refusal(node, "a number, expected a comparison such as u > threshold")
        return term

    def _term(self, node: ast.expr, terms: dict[str, Term], depth: int) -> Term:
        if depth > DEEPEST:
            raise ValueError(
                f"transfer: {self.shown} nests deeper than {DEEPEST}, expected a formula of moderate depth"
            )
        if len(self.tape.steps) > MOST_STEPS:
            raise ValueError(f"transfer: {self.shown} takes more than {MOST_STEPS} steps, expected a shorter function")
        try:
            return self._read(node, terms, depth + 1)
        except OverflowError as error:
            raise self.refusal(node, str(error)) from None

    def _read(self, node: ast.expr, terms: dict[str, Term], depth: int) -> Term:
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and math.isfinite(
                float(value)
            ):
                return self.tape.number(float(value))
            case ast.Name(id=name) if name in terms:
                return terms[name]
            case ast.Name() | ast.Attribute() if ast.unparse(node) in self.constants:
                return self.tape.number(self.constants[ast.unparse(node)])
            case ast.Name(id=name):
                if name in self.functions:
                    raise self.refusal(node, f"a function, expected its value; write {name}(u)")
                raise self.refusal(node, self._unknown(name, [*terms, *self.constants], list(self.functions)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.number(operand, terms, depth)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand, terms, depth)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return applied("not", self.condition(operand, terms, depth))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGNS:
                sides = self.number(left, terms, depth), self.number(right, terms, depth)
                made = applied(_SIGNS[type(sign)], *sides)
                if made.number is None and None not in [side.number for side in sides]:
                    raise self.refusal(node, "expected a finite number")
                return made
            case ast.BoolOp(op=sign, values=values):
                name = "and" if isinstance(sign, ast.And) else "or"
                return self._joined(name, [self.condition(value, terms, depth) for value in values])
            case ast.Compare():
                return self._comparison(node, terms, depth)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice([test, body, orelse], terms, depth)
            case ast.Call():
                return self._call(node, terms, depth)
        raise self.refusal(node, self._reason(node))

    def _joined(self, operation: str, terms: list[Term]) -> Term:
        joined = terms[0]
        for term in terms[1:]:
            joined = applied(operation, joined, term)
        return joined

    def _comparison(self, node: ast.Compare, terms: dict[str, Term], depth: int) -> Term:
        sides = [self.number(side, terms, depth) for side in (node.left, *node.comparators)]
        links = []
        for sign, left, right in zip(node.ops, sides, sides[1:], strict=False):
            match sign:
                case ast.Lt() | ast.LtE():
                    links.append(applied("<" if isinstance(sign, ast.Lt) else "<=", left, right))
                case ast.Gt() | ast.GtE():
                    links.append(applied("<" if isinstance(sign, ast.Gt) else "<=", right, left))
                case ast.Eq() | ast.NotEq():
                    equal = applied("and", applied("<=", left, right), applied("<=", right, left))
                    links.append(equal if isinstance(sign, ast.Eq) else applied("not", equal))
                case _:
                    raise self.refusal(node, "expected one of the comparisons < <= > >= == !=")
        return self._joined("and", links)

    def _choice(self, nodes: list[ast.expr], terms: dict[str, Term], depth: int) -> Term:
        test, first, second = nodes
        condition = self.condition(test, terms, depth)
        return applied("where", condition, self.number(first, terms, depth), self.number(second, terms, depth))

    def _call(self, node: ast.Call, terms: dict[str, Term], depth: int) -> Term:
        name = ast.unparse(node.func)
        if not isinstance(node.func, ast.Name | ast.Attribute) or name in terms or name not in self.functions:
            if isinstance(node.func, ast.Name):
                raise self.refusal(node, self._unknown(name, self._spelled(), [*self.functions, *terms]))
            raise self.refusal(node, self._reason(node.func))
        operation = self.functions[name]
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self.refusal(node, "expected plain arguments only")
        fewest = {"where": 3, "maximum": 2, "minimum": 2, "**": 2}.get(operation, 1)
        if len(node.args) < fewest or (len(node.args) > fewest and operation not in ("maximum", "minimum")):
            raise self.refusal(node, f"{len(node.args)} arguments, expected {fewest}")
        if operation == "where":
            return self._choice(node.args, terms, depth)
        arguments = [self.number(argument, terms, depth) for argument in node.args]
        if operation == "float":
            return arguments[0]
        return self._joined(operation, arguments) if fewest == 2 else applied(operation, *arguments)

    def _unknown(self, name: str, expected: list[str], others: list[str]) -> str:
        near = difflib.get_close_matches(name, [*expected, *others], n=1)
        meant = f"did you mean `{near[0]}`? " if near else ""
        return f"unknown name; {meant}expected one of {', '.join(sorted(expected))}"

    def _reason(self, node: ast.expr) -> str:
        reason = _REFUSED.get(type(node), "not allowed")
        bare = node.attr if isinstance(node, ast.Attribute) else ""
        if bare in self.functions or bare in self.constants:
            return f"{reason}; write {bare}"
        return f"{reason}; expected numbers, names, + - * / **, comparisons and calls of {', '.join(self._spelled())}"

    def _spelled(self) -> list[str]:
        """Functions without their aliases, for messages."""
        return sorted(name for name in self.functions if name.rpartition(".")[2] not in ALIASES)
