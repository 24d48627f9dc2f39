"""Formulas in u, slope and threshold as lists of elementary steps: evaluated, differentiated and written out by walking them.

A step names an operation and the earlier steps that it works on; equal steps are kept once, so that what a formula uses twice
is computed once. Forward differentiation adds a few steps for each one; docs/theory.md, "Transfer functions".
"""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
ARGUMENTS = ("u", "slope", "threshold")
LONGEST_TEXT = 1000  # of a formula written as one nested expression


def _logistic(x: Array) -> Array:
    # 1 / (1 + e^-x) that overflows nowhere
    return np.asarray((1 + np.tanh(x / 2)) / 2)


def _erf(x: Array) -> Array:
    from scipy.special import erf  # slow to load

    return np.asarray(erf(x))


_INFIX: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
    "<": np.less,
    "<=": np.less_equal,
    "and": np.logical_and,
    "or": np.logical_or,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "logistic": _logistic,
    "arcsinh": np.arcsinh,
    "arctan": np.arctan,
    "sin": np.sin,
    "cos": np.cos,
    "erf": _erf,
    "abs": np.abs,
    "sign": np.sign,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": np.where,
}
_OPERATIONS: dict[str, Callable[..., Any]] = {**_INFIX, **FUNCTIONS, "neg": np.negative, "not": np.logical_not}
_CONDITIONS = {"<", "<=", "and", "or", "not", "true", "false"}


class Step(NamedTuple):
    """One operation on the results of earlier steps; a number, or one of ARGUMENTS, works on none."""

    operation: str
    operands: tuple[int, ...] = ()
    number: float = 0.0


@dataclasses.dataclass(frozen=True)
class Expression:
    """A formula in u, slope and threshold; its value is the last step's. Equal formulas are equal objects.

    >>> Expression((Step("u"), Step("number", (), 2.0), Step("*", (1, 0)))).canonical
    '2 * u'
    """

    steps: tuple[Step, ...]

    def value(self, u: ArrayLike, slope: ArrayLike, threshold: ArrayLike) -> Array:
        """f(u) for arrays that broadcast; NaN or inf where the formula has no finite value, without a warning."""
        given = {
            name: np.asarray(array, dtype=float) for name, array in zip(ARGUMENTS, (u, slope, threshold), strict=True)
        }
        results: list[Any] = []
        with np.errstate(all="ignore"):
            for operation, operands, number in self.steps:
                if operation == "number":
                    results.append(np.float64(number))
                elif operation in given:
                    results.append(given[operation])
                else:
                    results.append(_OPERATIONS[operation](*(results[k] for k in operands)))
        shape = np.broadcast_shapes(*(array.shape for array in given.values()))
        return np.array(np.broadcast_to(results[-1], shape), dtype=float)

    def derivative(self) -> Expression:
        """df/du; at a kink the one of a side, 0 for maximum(u, 0) and abs(u)."""
        return _derivative(self)

    @cached_property
    def canonical(self) -> str:
        """The formula as text, the same for equal ones however spelled; a short one is read back as the same formula."""
        text = _nested(self.steps)
        if text is not None:
            return ast.unparse(ast.parse(text, mode="eval"))
        lines = [f"t{n} = {written(step, [f't{k}' for k in step.operands])}" for n, step in enumerate(self.steps)]
        return "; ".join(lines)


def written(step: Step, operands: list[str]) -> str:
    """A step as Python text, given the texts of its operands."""
    if step.operation == "number":
        whole = step.number == int(step.number) and abs(step.number) < 1e15
        return f"({int(step.number) if whole else step.number!r})"
    if not operands:
        return step.operation
    if step.operation in _INFIX:
        return f"({operands[0]} {step.operation} {operands[1]})"
    if step.operation in ("neg", "not"):
        return f"({'-' if step.operation == 'neg' else 'not '}{operands[0]})"
    return f"{step.operation}({', '.join(operands)})"


def _nested(steps: tuple[Step, ...]) -> str | None:
    """One expression; None where writing shared steps again makes it long."""
    texts: list[str] = []
    for step in steps:
        texts.append(written(step, [texts[k] for k in step.operands]))
        if len(texts[-1]) > LONGEST_TEXT:
            return None
    return texts[-1]


class Tape:
    """Steps as they are added, each one once."""

    def __init__(self, steps: tuple[Step, ...] = ()) -> None:
        self.steps = list(steps)
        self._places = {step: place for place, step in enumerate(steps)}

    def add(self, step: Step) -> Term:
        if step not in self._places:
            self._places[step] = len(self.steps)
            self.steps.append(step)
        return Term(self, self._places[step])

    def number(self, value: float) -> Term:
        return self.add(Step("number", (), float(value) + 0.0))  # + 0.0 turns -0.0 into 0.0


class Term:
    """A step of a tape under the signs of arithmetic; numbers are folded, and what 0 and 1 leave unchanged is left out."""

    def __init__(self, tape: Tape, place: int) -> None:
        self.tape, self.place = tape, place

    @property
    def step(self) -> Step:
        return self.tape.steps[self.place]

    @property
    def number(self) -> float | None:
        """Its value where it is a number."""
        return self.step.number if self.step.operation == "number" else None

    @property
    def is_condition(self) -> bool:
        return self.step.operation in _CONDITIONS

    def __add__(self, other: Term | float) -> Term:
        return applied("+", self, self._term(other))

    def __radd__(self, other: float) -> Term:
        return applied("+", self._term(other), self)

    def __sub__(self, other: Term | float) -> Term:
        return applied("-", self, self._term(other))

    def __rsub__(self, other: float) -> Term:
        return applied("-", self._term(other), self)

    def __mul__(self, other: Term | float) -> Term:
        return applied("*", self, self._term(other))

    def __rmul__(self, other: float) -> Term:
        return applied("*", self._term(other), self)

    def __truediv__(self, other: Term | float) -> Term:
        return applied("/", self, self._term(other))

    def __pow__(self, other: Term | float) -> Term:
        return applied("**", self, self._term(other))

    def __neg__(self) -> Term:
        return applied("neg", self)

    def _term(self, other: Term | float) -> Term:
        return other if isinstance(other, Term) else self.tape.number(other)


def applied(operation: str, *terms: Term) -> Term:
    """The term of an operation, simplified."""
    simpler = _simplified(operation, terms)
    return simpler if simpler is not None else terms[0].tape.add(Step(operation, tuple(term.place for term in terms)))


def _simplified(operation: str, terms: tuple[Term, ...]) -> Term | None:
    tape, first, last = terms[0].tape, terms[0], terms[-1]
    numbers = [term.number for term in terms]
    left, right = numbers[0], numbers[-1]
    if (operation in _INFIX or operation == "neg") and None not in numbers:
        return _folded(tape, operation, numbers)
    if operation in ("where", "and", "or", "not"):
        return _simplified_choice(operation, terms)
    if operation == "neg":
        return Term(tape, first.step.operands[0]) if first.step.operation == "neg" else None
    if operation == "+":
        return last if left == 0 else first if right == 0 else None
    if operation == "-":
        return -last if left == 0 else first if right == 0 else None
    if operation == "*":
        if 0 in (left, right):
            return tape.number(0)
        return last if left == 1 else first if right == 1 else -last if left == -1 else -first if right == -1 else None
    if operation == "/":
        return tape.number(0) if left == 0 else first if right == 1 else None
    if operation == "**":
        return tape.number(1) if right == 0 else first if right == 1 else None
    return None


def _folded(tape: Tape, operation: str, numbers: list[Any]) -> Term | None:
    """Arithmetic of numbers; None where its value is not finite."""
    if operation in _CONDITIONS:
        return tape.add(Step("true" if _INFIX[operation](*numbers) else "false"))
    with np.errstate(all="ignore"):
        value = float(_OPERATIONS[operation](*(np.float64(number) for number in numbers)))
    return tape.number(value) if math.isfinite(value) else None


def _simplified_choice(operation: str, terms: tuple[Term, ...]) -> Term | None:
    known = {"true": True, "false": False}.get(terms[0].step.operation)
    if operation == "where":
        if terms[1].place == terms[2].place:
            return terms[1]
        return None if known is None else terms[1] if known else terms[2]
    if known is None:
        other = {"true": True, "false": False}.get(terms[-1].step.operation)
        return None if other is None or operation == "not" else terms[0] if other == (operation == "and") else terms[-1]
    if operation == "not":
        return terms[0].tape.add(Step("false" if known else "true"))
    return terms[1] if known == (operation == "and") else terms[0]


def expression(term: Term) -> Expression:
    """The formula that ends in a term: only the steps that it needs, in the order in which it asks for them."""
    places: dict[int, int] = {}
    ordered: list[Step] = []
    waiting = [term.place]
    while waiting:
        step = term.tape.steps[waiting[-1]]
        missing = [place for place in step.operands if place not in places]
        if missing:
            waiting.append(missing[0])
            continue
        place = waiting.pop()
        if place not in places:
            places[place] = len(ordered)
            ordered.append(step._replace(operands=tuple(places[k] for k in step.operands)))
    return Expression(tuple(ordered))


Rule = Callable[[Term, list[Term], list[Term]], Term]


def _power_slope(f: Term, x: list[Term], d: list[Term]) -> Term:
    base, exponent = x
    falling = exponent * base ** (exponent - 1) * d[0] if d[0].number != 0 else d[0]
    return falling + f * applied("log", base) * d[1] if d[1].number != 0 else falling


# df/du from f, its operands x and their derivatives d
_SLOPES: dict[str, Rule] = {
    "+": lambda f, x, d: d[0] + d[1],
    "-": lambda f, x, d: d[0] - d[1],
    "*": lambda f, x, d: d[0] * x[1] + x[0] * d[1],
    # not (x0' x1 - x0 x1') / x1^2, whose square overflows first
    "/": lambda f, x, d: (d[0] - f * d[1]) / x[1],
    "**": _power_slope,
    "neg": lambda f, x, d: -d[0],
    "exp": lambda f, x, d: f * d[0],
    "expm1": lambda f, x, d: applied("exp", x[0]) * d[0],
    "log": lambda f, x, d: d[0] / x[0],
    "log1p": lambda f, x, d: d[0] / (1 + x[0]),
    "sqrt": lambda f, x, d: 0.5 * d[0] / f,
    "tanh": lambda f, x, d: (1 - f * f) * d[0],
    "sinh": lambda f, x, d: applied("cosh", x[0]) * d[0],
    "cosh": lambda f, x, d: applied("sinh", x[0]) * d[0],
    "logistic": lambda f, x, d: f * applied("logistic", -x[0]) * d[0],
    "arcsinh": lambda f, x, d: d[0] / applied("sqrt", 1 + x[0] * x[0]),
    "arctan": lambda f, x, d: d[0] / (1 + x[0] * x[0]),
    "sin": lambda f, x, d: applied("cos", x[0]) * d[0],
    "cos": lambda f, x, d: -applied("sin", x[0]) * d[0],
    "erf": lambda f, x, d: 2 / math.sqrt(math.pi) * applied("exp", -(x[0] * x[0])) * d[0],
    "abs": lambda f, x, d: applied("sign", x[0]) * d[0],
    "sign": lambda f, x, d: f.tape.number(0),
    "maximum": lambda f, x, d: applied("where", applied("<", x[1], x[0]), d[0], d[1]),
    "minimum": lambda f, x, d: applied("where", applied("<", x[0], x[1]), d[0], d[1]),
    "where": lambda f, x, d: applied("where", x[0], d[1], d[2]),
}


@lru_cache(maxsize=256)
def _derivative(formula: Expression) -> Expression:
    tape = Tape(formula.steps)
    zero = tape.number(0)
    slopes: list[Term] = []
    for place, step in enumerate(formula.steps):
        inner = [slopes[k] for k in step.operands]
        if step.operation == "u":
            slopes.append(tape.number(1))
        elif step.operation in _CONDITIONS or all(slope.number == 0 for slope in inner):
            slopes.append(zero)
        else:
            operands = [Term(tape, k) for k in step.operands]
            slopes.append(_SLOPES[step.operation](Term(tape, place), operands, inner))
    return expression(slopes[-1])
