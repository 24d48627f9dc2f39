"""Transfer functions of the user's own as formulas: read without being run, and differentiated exactly."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from nessmap.theory.nonlinear_equilibria import NonlinearField
from nessmap.theory.transfer_algebra import FUNCTIONS, Expression, Step
from nessmap.theory.transfer_expression import parse
from nessmap.theory.transfer_functions import TRANSFER_FUNCTIONS, resolve

EXAMPLES = settings(max_examples=60, deadline=None)
EPSILON = float(np.finfo(float).eps)

# --- formulas at random, without poles and of moderate size

NUMBERS = st.integers(-40, 40).map(lambda n: repr(n / 8))
ONE = ["tanh{0}", "sin{0}", "cos{0}", "logistic{0}", "arctan{0}", "arcsinh{0}", "erf{0}", "abs{0}", "-{0}", "{0}**2"]
ONE += ["log1p({0}*{0})", "sqrt(1 + {0}*{0})", "exp(-abs{0})", "expm1(sin{0})", "log(2 + cos{0})", "{0}/(1 + {0}*{0})"]
ONE += ["cosh(tanh{0})", "sinh(cos{0})", "sign{0}*{0}", "(1 + {0}*{0})**-1.5", "(1 + abs{0})**(slope/4)", "2**sin{0}"]
TWO = ["{0} + {1}", "{0} - {1}", "{0}*tanh{1}", "{0}/(2 + sin{1})", "maximum({0}, {1})", "minimum({0}, {1})"]
TWO += ["where({0} < {1}, {1}, {0}*{0})", "({0} if not {1} >= 1 or 0 < {0} <= 2 else {1})", "max({0}, {1}, u)"]


def _composed(inner):
    part = inner.map(lambda x: f"({x})")
    return st.one_of(
        st.builds(str.format, st.sampled_from(ONE), part), st.builds(str.format, st.sampled_from(TWO), part, part)
    )


LEAVES = st.one_of(st.sampled_from(["u", "slope", "threshold", "slope*(u - threshold)"]), NUMBERS)
FORMULAS = st.recursive(LEAVES, _composed, max_leaves=5).filter(lambda text: len(text) < 900)
# beside the round numbers where a formula of round numbers has its kinks
POINTS = st.tuples(st.floats(-3, 3), st.floats(0.2, 3), st.floats(-1, 1)).map(
    lambda point: tuple(np.array(point) + np.array([np.pi, np.e, -np.sqrt(2)]) / 1000)
)

# over complex numbers, which numpy compares by their real parts first
COMPLEX = {name: getattr(np, name, None) for name in FUNCTIONS} | {
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "erf": special.erf,
    "abs": lambda z: z if z > 0 else -z,
    "sign": lambda z: np.sign(z.real),
    "where": lambda condition, x, y: x if condition else y,
    "max": max,
}


def by_complex_step(text, point):
    """f'(u) = Im f(u + i h)/h for h -> 0, computed by Python itself: no difference is taken."""
    step = 1e-40
    names = dict(zip(("u", "slope", "threshold"), np.array(point, dtype=complex), strict=True))
    names["u"] += 1j * step
    # numbers of Python's own would raise where numpy's give inf
    return np.imag(eval(text, {"__builtins__": {}, **COMPLEX}, names)) / step


def spread(formula, point):
    """How far roundings of 8 units in every step take the value."""
    exact, values = formula.value(*point), []
    for seed in range(4):
        random, steps, places = np.random.default_rng(seed), [], []
        for step in formula.steps:
            steps.append(step._replace(operands=tuple(places[k] for k in step.operands)))
            if step.operation not in ("number", "<", "<=", "and", "or", "not"):
                steps.append(Step("number", (), 1 + 8 * EPSILON * random.uniform(-1, 1)))
                steps.append(Step("*", (len(steps) - 2, len(steps) - 1)))
            places.append(len(steps) - 1)
        values.append(abs(Expression(tuple(steps)).value(*point) - exact))
    return 4 * max(values) + 64 * EPSILON


@EXAMPLES
@given(FORMULAS, POINTS)
def test_a_formula_has_the_value_that_python_gives_it_and_its_derivative(text, point):
    formula = parse(text)
    names = dict(zip(("u", "slope", "threshold"), np.array(point), strict=True))
    functions = COMPLEX | {"abs": abs, "sign": np.sign}
    value = eval(text, {"__builtins__": {}, **functions}, names)
    assert formula.value(*point) == pytest.approx(float(value), rel=0, abs=spread(formula, point))
    slope = formula.derivative()
    expected = by_complex_step(text, point)
    assert slope.value(*point) == pytest.approx(expected, rel=0, abs=spread(slope, point))


@EXAMPLES
@given(FORMULAS, POINTS)
def test_the_curvature_is_the_derivative_of_the_derivative(text, point):
    slope = parse(text).derivative()
    if len(slope.canonical) > 900 or "; " in slope.canonical:
        return
    second = slope.derivative()
    expected = by_complex_step(slope.canonical, point)
    assert second.value(*point) == pytest.approx(expected, rel=0, abs=spread(second, point))


@EXAMPLES
@given(FORMULAS)
def test_the_canonical_text_is_read_back_as_the_same_formula(text):
    formula = parse(text)
    if "; " not in formula.canonical:
        again = parse(formula.canonical)
        assert again == formula
        assert again.canonical == formula.canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tanh(slope*(u-threshold))", "  tanh( (slope * (u - (threshold))) )"),
        ("2*u", "2.0*u"),
        ("u if u > 0 else 0", "where(0 < u, u, 0)"),
        ("max(u, 0)", "maximum(u, 0.0)"),
        ("asinh(u)", "arcsinh(u)"),
        ("u*1 + 0", "u"),
        ("2*3*u", "6*u"),
        ("pow(u, 2)", "u**2"),
        ("where(0 < u < 1 or u < slope and 1 > 2, u, 0)", "where(0 < u and u < 1, u, 0)"),
        ("where(u == 1, 2, 3)", "where(u <= 1 and 1 <= u, 2, 3)"),
    ],
)
def test_one_formula_has_one_canonical_text_however_it_is_spelled(one, other):
    assert parse(one).canonical == parse(other).canonical
    assert parse(one).canonical != parse(f"{one} + u").canonical


@pytest.mark.parametrize(
    ("text", "derivative"),
    [
        ("slope*(u - threshold)", "slope"),
        ("u**3", "3 * u ** 2"),
        ("exp(-u)", "-exp(-u)"),
        ("log1p(exp(u))", "exp(u) / (1 + exp(u))"),
        ("where(u > threshold, sqrt(u - threshold), 0)", "where(threshold < u, 0.5 / sqrt(u - threshold), 0)"),
        ("maximum(u, 0)", "where(0 < u, 1, 0)"),
        ("sign(u)*threshold", "0"),
        ("slope**u", "slope ** u * log(slope)"),
    ],
)
def test_derivatives_are_as_short_as_by_hand(text, derivative):
    assert parse(text).derivative().canonical == derivative


def test_a_formula_has_no_value_where_it_is_undefined_and_warns_of_nothing():
    values = parse("sqrt(u)/(u - 1)").value([-1.0, 1.0, 4.0], 1.0, 0.0)
    np.testing.assert_array_equal(values, [np.nan, np.inf, 2 / 3])
    # the branch that is not taken has no value
    np.testing.assert_array_equal(
        parse("where(u > 0, sqrt(u), 0)").derivative().value([-1.0, 4.0], 1.0, 0.0), [0.0, 0.25]
    )
    # the derivative's denominator is not squared: it would overflow at 355
    assert parse("1/(1 + exp(-u))").derivative().value(-700.0, 1.0, 0.0) == pytest.approx(np.exp(-700.0), rel=1e-13)


def test_values_have_the_shape_of_arguments_that_broadcast():
    u, slope = np.zeros((3, 4)), np.ones((3, 1))
    for text in ("1", "slope", "u", "tanh(slope*(u - threshold))"):
        assert parse(text).value(u, slope, 0.0).shape == (3, 4)
    assert resolve("arcsinh").value(u, slope, 0.0).shape == (3, 4)
    assert parse("u").value(1.0, 1.0, 0.0).shape == ()


# --- what is refused

HOSTILE = [
    "__import__('os').system('touch pwned')",
    "u.__class__",
    "(lambda: 1)()",
    "10**10**10",
    "exec('1')",
    "[u][0]",
]
HOSTILE += [
    "u if (x := 1) else u",
    "open('/etc/passwd')",
    "u\nimport os",
    "'u'*10**9",
    "9" * 900,
    "1e400",
    "1/0",
    "u\0",
]
HOSTILE += [
    "(-8)**0.5",
    "tanh(*[u])",
    "tanh(u, out=u)",
    "f'{u}'",
    "u[0]",
    "True",
    "None",
    "1j",
    "await u",
    "u @ u",
    "~u",
]
HOSTILE += [
    "getattr(u, 'x')",
    "().__class__.__bases__",
    "u for u in u",
    "x" * 5000,
    "-" * 900 + "u",
    "(" * 500,
    "u" + "+u" * 400,
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:20].replace("\0", "0") for text in HOSTILE])
def test_what_is_no_formula_is_refused_without_being_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started = time.perf_counter()
    with pytest.raises(ValueError, match=r"^transfer: "):
        resolve(text)
    assert time.perf_counter() - started < 1.0
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=200, deadline=None)
@given(st.text("u()+-*/.,0123e<>=_ atnhslopei[]{}:'\"\\\n#&|%@~", max_size=40))
def test_any_text_is_a_formula_or_a_value_error(text):
    said = "transfer: "
    try:
        value = parse(text).value(0.5, 1.0, 0.0)
    except ValueError as error:
        said, value = str(error), np.array(0.0)
    assert said.startswith("transfer: ")
    assert value.shape == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tanhh(u)", "`tanhh.*did you mean `tanh`"),
        ("slop*u", "`slop`.*did you mean `slope`"),
        ("np.tanh(u)", "`np.tanh.*write tanh"),
        ("tanh", "a function, expected its value; write tanh"),
        ("u*(u > 0)", r"`u > 0`.*write where\(condition, 1, 0\)"),
        ("where(u, 1, 0)", "a number, expected a comparison"),
        ("tanh(u, 2)", "2 arguments, expected 1"),
        ("where(u is 1, 1, 0)", "one of the comparisons < <= > >= == !="),
        ("u//2", "`u // 2`.*not allowed; expected numbers"),
        ("10**400*u", r"`10 \*\* 400`.*expected a finite number"),
        ("u + ", "no Python: invalid syntax"),
        ("tan(u)", "did you mean `tanh`.*arcsinh, arctan, cos"),
    ],
)
def test_a_refusal_teaches(text, says):
    with pytest.raises(ValueError, match=says):
        parse(text)


# --- where no closed form is known

CLOSED = {"arcsinh": "arcsinh(slope*(u - threshold))", "logistic": "1/(1 + exp(-slope*(u - threshold)))"}


@pytest.mark.parametrize("name", CLOSED)
def test_a_formula_is_integrated_numerically_where_a_named_function_is_in_closed_form(name):
    u = np.array([[-2.0, 0.0, 0.3], [1.0, 5.0, 0.7]])
    named, written = (NonlinearField(np.eye(2), transfer, 1.7, 0.4) for transfer in (name, CLOSED[name]))
    known = named.integrated_response(u) - named.integrated_response(np.zeros(1))
    # quadrature asks for 1e-12 of the largest
    np.testing.assert_allclose(written.integrated_response(u), known, atol=2e-12 * np.abs(known).max())


def test_a_formula_and_the_named_function_that_it_spells_agree():
    u = np.linspace(-30, 30, 301)
    for name, text in CLOSED.items():
        for kind in ("value", "derivative", "curvature"):
            one, other = (getattr(resolve(each), kind)(u, 0.8, 0.4) for each in (name, text))
            # f' and f'' of either are sums of at most a few terms of size 1
            np.testing.assert_allclose(one, other, rtol=1e-13, atol=8 * EPSILON)
    assert TRANSFER_FUNCTIONS["tanh"].canonical == "tanh"
