"""numba text that computes a user's transfer function and its derivatives, for kernels/generated.py.

It is written from the steps of an Expression alone: no word of what the user wrote is in it.
"""

from __future__ import annotations

from nessmap.theory.transfer_algebra import ARGUMENTS, Expression, Step, written
from nessmap.theory.transfer_functions import resolve

# of kernels/functions.py: these become vectors, where libm is a call per lane
_VECTORISED = ("exp", "expm1", "log", "log1p", "tanh", "logistic", "arcsinh", "maximum", "minimum", "sign")
_SCALAR = ("sqrt", "sinh", "cosh", "arctan", "sin", "cos")
_HEAD = """import math

import numpy as np
from numba import njit

from nessmap.kernels.random import FASTMATH
"""
_MOST_FACTORS = 16  # of a power that is written as products instead of a call of pow


def functions_source(text: str) -> str:
    """Definitions of fill_response, fill_gain and fill_curvature for a formula or a function of the user's.

    They take and ignore the function's number. What does not depend on u is computed once for each row.

    Raises
    ------
    ValueError : the function is one of TRANSFER_FUNCTIONS, which kernels know by number; or as `resolve`.

    >>> "_tanh(" in functions_source("u + tanh(u)")
    True
    """
    formula = resolve(text).expression
    if formula is None:
        raise ValueError(
            f"transfer: {text!r} has a number in kernels/functions.py, expected a formula or function of your own"
        )
    slope = formula.derivative()
    fills = (("response", "f(u)", formula), ("gain", "f'(u)", slope), ("curvature", "f''(u)", slope.derivative()))
    body = [_fill(name, what, each) for name, what, each in fills]
    used = [f"{name} as _{name}" for name in _VECTORISED if any(f" _{name}(" in part for part in body)]
    imported = f"from nessmap.kernels.functions import {', '.join(used)}\n" if used else ""
    return "\n\n".join([_HEAD + imported, *body])


def _fill(name: str, what: str, formula: Expression) -> str:
    row, lane, texts = _statements(formula)
    lines = [
        '@njit(cache=True, error_model="numpy", fastmath=FASTMATH)',
        f"def fill_{name}(out, u, function, slope, threshold):",
        f'    """out = {what}, (n_dim, n_lane); slope, threshold (n_dim,)."""',
        "    for i in range(u.shape[0]):",
        *(f"        {line}" for line in row),
        "        for j in range(u.shape[1]):",
        *(f"            {line}" for line in lane),
        f"            out[i, j] = {texts[-1]}",
        "",
    ]
    return "\n".join(lines)


def _statements(formula: Expression) -> tuple[list[str], list[str], list[str]]:
    """Assignments per row and per lane, and for every step the text that stands for it: a name or a number."""
    row: list[str] = []
    lane: list[str] = []
    texts: list[str] = []
    varies: list[bool] = []
    for place, step in enumerate(formula.steps):
        varies.append(step.operation == "u" or any(varies[k] for k in step.operands))
        if step.operation == "number":
            texts.append(f"({step.number!r})")
            continue
        exponent = formula.steps[step.operands[1]] if step.operation == "**" else None
        text = _kernel_text(step, [texts[k] for k in step.operands], exponent)
        (lane if varies[-1] else row).append(f"t{place} = {text}")
        texts.append(f"t{place}")
    return row, lane, texts


def _kernel_text(step: Step, operands: list[str], exponent: Step | None) -> str:
    if step.operation in ARGUMENTS:
        return "u[i, j]" if step.operation == "u" else f"{step.operation}[i]"
    if step.operation == "where":
        condition, first, second = operands
        return f"{first} if {condition} else {second}"
    if step.operation in _VECTORISED:
        return f"_{step.operation}({', '.join(operands)})"
    if exponent is not None and exponent.operation == "number" and abs(exponent.number) <= _MOST_FACTORS:
        whole, half = divmod(abs(exponent.number), 1)
        if half in (0, 0.5):
            product = f"{operands[0]} ** {int(whole)}" if whole else ""
            power = " * ".join(filter(None, (product, f"np.sqrt({operands[0]})" if half else "")))
            return power if exponent.number > 0 else f"1.0 / ({power})"
    prefix = {"erf": "math."}.get(step.operation, "np." if step.operation in _SCALAR else "")
    return prefix + written(step, operands)
