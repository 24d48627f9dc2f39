"""Transfer functions of the user's own as Python functions, and kernels compiled for what a user wrote."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from nessmap.kernels import functions as kernel
from nessmap.kernels import generated
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.theory.transfer_functions import homogeneous_fixed_points, is_named, kernel_number, resolve
from nessmap.theory.transfer_program import read_function
from nessmap.theory.transfer_source import functions_source
from sampling import trajectory

RATES = '''"""Rates of a user."""
import math
import numpy as np
from math import exp as power_of_e, pi
from scipy.special import expit
import own_library

raise RuntimeError("this file was run")

def helper(x):
    return x

def softplus(u, slope, threshold):
    """Smooth threshold."""
    y = slope * (u - threshold)
    if y > 30.0:
        return y
    return math.log1p(power_of_e(y))

def named_otherwise(x, b, t):
    drive: float = b * (x - t)  # a remark
    return np.tanh(drive)

def naka_rushton(u, slope, threshold):
    above = max(u - threshold, 0.0)
    n = 2
    return above**n / (slope**-n + above**n)

def series(u, slope, threshold):
    total, term = 0.0, 1.0
    for k in range(1, 6):
        term *= slope * u / k
        total += term
        if k == 3:
            total = total - threshold
    if total > 2:
        total = 2 + np.arctan(total - 2)
        side = 1.0
    elif not total >= -1:
        total, side = -1.0, -1.0
    else:
        side = 0.0
    return total + side / 4

def steps(u, slope, threshold):
    for edge in (-1.0, 0.5, 2.0):
        if u < edge:
            return edge * expit(u)
    return float(u) * pi

def repeated(u, slope, threshold):
    x = u
    for _ in range(60):
        x = x - 0.01 * x * x * x
    return x
'''
NAMES = ["softplus", "named_otherwise", "naka_rushton", "series", "steps", "repeated"]
REFUSED = {
    "def f(u, slope, threshold):\n    while u > 1:\n        u -= 1\n    return u": "`while u > 1:`.*line 3: expected assign",
    "def f(u, slope, threshold):\n    import os\n    return u": "`import os`.*line 3",
    "def f(u, slope, threshold):\n    return open('x')": r"`open\('x'\)`.*line 3: unknown name",
    "def f(u, slope, threshold):\n    return g(u)\ndef g(u): return u": r"`g\(u\)`.*unknown name",
    "K = 2\ndef f(u, slope, threshold):\n    return K * u": "`K`.*line 4: unknown name",
    "def abs(x): return 7\ndef f(u, slope, threshold):\n    return abs(u)": "`abs.*unknown name",
    "from mine import *\ndef f(u, slope, threshold):\n    return abs(u)": "`abs.*unknown name",
    "np = None\ndef f(u, slope, threshold):\n    return np.tanh(u)": "attributes are not allowed",
    "def f(u, slope=1, threshold=0):\n    return u": r"is def f\(u, slope=1.*expected def f\(u, slope, threshold\)",
    "def f(u, *, slope, threshold):\n    return u": "expected def f",
    "def f(u):\n    return u": "expected def f",
    "@print\ndef f(u, slope, threshold):\n    return u": "without defaults or decorators",
    "def f(u, slope, threshold):\n    x = [u]\n    return x[0]": r"`\[u\]`.*line 3",
    "def f(u, slope, threshold):\n    u.x = 1\n    return u": "`u.x`.*expected an assignment to a name",
    "def f(u, slope, threshold):\n    for k in range(10**9):\n        u += 1\n    return u": "range of whole numbers",
    "def f(u, slope, threshold):\n    for k in range(9999):\n        u += 1\n    return u": "more than 2000 statements",
    "def f(u, slope, threshold):\n    for k in range(1500):\n        u = u * u + k\n    return u": "more than 400 steps",
    "def f(u, slope, threshold):\n    for k in range(u):\n        u += 1\n    return u": "range of whole numbers",
    "def f(u, slope, threshold):\n    for k in u:\n        u += 1\n    return u": "numbers to loop over",
    "def f(u, slope, threshold):\n    for k in (1, 2):\n        break\n    return u": "without break, continue or else",
    "def f(u, slope, threshold):\n    if u > 0:\n        return 1.0": "ends without a return",
    "def f(u, slope, threshold):\n    if u > 0:\n        q = 1\n    return q": "`q`.*unknown name",
    "def f(u, slope, threshold):\n    return np.max(u, 0)": "attributes are not allowed",
    "def f(u, slope, threshold):\n    return u > 0": "a comparison, expected a number",
    "def f(u, slope, threshold):\n    yield u": "`yield u`",
    "def f(u, slope, threshold):\n    global x\n    x = u\n    return x": "`global x`",
    "def f(u, slope, threshold):\n    return eval('u')": "unknown name",
    "def g(u, slope, threshold):\n    return u": "0 functions f.*expected 1",
    "def f(u, slope, threshold:\n    return u": "no Python",
}


@pytest.fixture
def rates(tmp_path, monkeypatch):
    """A file of the user's in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "rates.py").write_text(RATES)
    return "models/rates.py"


def by_python(name):
    """The function as Python runs it, from the same text without the lines that cannot run here."""
    namespace = {}
    exec(RATES.replace("import own_library\n", "").replace('raise RuntimeError("this file was run")', ""), namespace)
    return np.vectorize(namespace[name], otypes=[float])


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_read_as_python_would_run_it(rates, name):
    u = np.linspace(-4.0, 4.0, 83)
    function = resolve(f"{rates}:{name}")
    for slope, threshold in ((1.3, 0.3), (0.4, -1.0)):
        # the same operations in the same order but for a division by a root or a power
        np.testing.assert_allclose(
            function.value(u, slope, threshold), by_python(name)(u, slope, threshold), rtol=1e-14, atol=1e-15
        )
        step = 1e-5
        around = [by_python(name)(u + sign * step, slope, threshold) for sign in (-1, 1)]
        smooth = np.abs(around[1] - around[0]) < 0.01  # no jump between
        slopes = (around[1] - around[0]) / (2 * step)
        found = function.derivative(u, slope, threshold)
        np.testing.assert_allclose(found[smooth], slopes[smooth], atol=1e-7 * (1 + np.abs(found).max()))


def test_the_text_around_a_formula_changes_nothing(rates):
    assert resolve(f"{rates}:named_otherwise") == resolve("tanh(slope*(u - threshold))")
    assert resolve(f"./{rates}:softplus").canonical == resolve(f"{rates}:softplus").canonical
    assert resolve(f"{rates}:softplus").canonical.startswith("where(30 < slope * (u - threshold), ")


def test_an_edited_file_is_read_again(rates, tmp_path):
    before = read_function(f"{rates}:named_otherwise")
    file = tmp_path / rates
    file.write_text(file.read_text().replace("np.tanh(drive)", "np.arctan(drive)"))
    assert read_function(f"{rates}:named_otherwise") != before


def test_a_function_with_shared_parts_is_no_longer_than_it_was_written(rates):
    # written as one expression the sixty turns would fill 3^60 characters
    function = read_function(f"{rates}:repeated")
    assert len(function.steps) < 5 * 60
    assert len(function.canonical) < 10_000
    assert len(function.derivative().derivative().steps) < 40 * 60


def test_states_of_a_function_of_the_users(rates):
    states = homogeneous_fixed_points(f"{rates}:softplus", 1.0, 0.0, 1.0, -1.0)
    # u = ln(1 + e^u) - 1: e^u (e - 1) = 1
    np.testing.assert_allclose(states, [-np.log(np.e - 1)], rtol=1e-14)


@pytest.mark.parametrize("text", REFUSED, ids=[says[:25] for says in REFUSED.values()])
def test_what_a_formula_cannot_hold_is_refused_with_its_line(text, tmp_path):
    (tmp_path / "f.py").write_text(f"import math\n{text}\n")
    with pytest.raises(ValueError, match=f"(?s)^transfer: .*{REFUSED[text]}"):
        resolve(f"{tmp_path}/f.py:f")


def test_a_function_is_found_in_a_module_without_importing_it(rates, tmp_path, monkeypatch):
    package = tmp_path / "packaged"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('this package was imported')")
    (package / "rates.py").write_text(RATES)
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve("packaged.rates:softplus").canonical == resolve(f"{rates}:softplus").canonical
    for text, says in (
        ("packaged.nowhere:softplus", "no module packaged.nowhere"),
        ("nowhere:softplus", "no module nowhere"),
        ("packaged.rates:softplux", "0 functions softplux.*did you mean softplus"),
        ("models/nowhere.py:softplus", "no file models/nowhere.py"),
        ("math:exp", "has no Python source"),
    ):
        with pytest.raises(ValueError, match=says):
            resolve(text)
    assert "packaged" not in sys.modules


# --- kernels made for it

TEXTS = [
    "u/(1 + abs(u))",
    "maximum(slope*(u - threshold), 0)**1.5",
    "sinh(u)*cos(u) + arctan(u)/cosh(u) + erf(u) - sign(u)",
]
TEXTS += [
    "exp(-u**2) + expm1(u)*log(2 + u*u) + log1p(u**4) - u**-2",
    "minimum(arcsinh(u), logistic(slope*u)) + abs(u)**-1.5",
]
TEXTS += [
    "where(not (u < 0 or u > 1) and slope > 0, sqrt(abs(u)), sin(u)) + threshold",
    "slope",
    "tanh(slope*(u - threshold))",
]
FILLS = {"fill_response": "value", "fill_gain": "derivative", "fill_curvature": "curvature"}


def worst_difference(module, text):
    """Largest difference of a module's fills from numpy, relative to 1 + |f|."""
    slope, threshold = np.array([1.5, 0.4, 2.0]), np.array([0.2, -0.3, 0.0])
    u = np.random.default_rng(5).normal(size=(3, 128))
    out, worst = np.empty_like(u), 0.0
    for fill, kind in FILLS.items():
        expected = getattr(resolve(text), kind)(u, slope[:, None], threshold[:, None])
        getattr(module, fill)(out, u, kernel_number(text), slope, threshold)
        worst = max(worst, float((np.abs(out - expected) / (1 + np.abs(expected))).max()))
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("text", [*TEXTS, *NAMES])
def test_a_made_kernel_computes_what_theory_does(text, rates):
    text = f"{rates}:{text}" if text in NAMES else text
    # a dozen operations of at most 4e-15, the sharpest factor among them 20 u^3
    assert worst_difference(generated.specialised("neural_field", functions_source(text)), text) < 2e-13


def test_the_text_of_a_made_kernel_holds_no_word_of_the_users(rates):
    source = functions_source(f"{rates}:series")
    assert not any(word in source for word in ("total", "term", "side", "rates"))
    assert "for j in range(u.shape[1]):\n            t" in source
    with pytest.raises(ValueError, match="'tanh' has a number"):
        functions_source("tanh")
    assert not is_named("tanh(u)")


def test_an_edit_that_changes_made_kernels_bumps_their_versions(rates):
    made = "".join(functions_source(text) for text in (*TEXTS, f"{rates}:series", f"{rates}:steps"))
    digest = hashlib.blake2b(made.encode(), digest_size=8).hexdigest()
    remedy = (
        "bump KERNEL_VERSION in every kernel file that imports fills, unless bits stay the same, then store it here"
    )
    assert digest == "c1ccde01db11154b", f"users' functions are compiled from other text, {digest}: {remedy}"


def test_what_does_not_depend_on_u_is_computed_once_for_a_row():
    per_row, per_lane = functions_source("u*exp(slope**2)").partition("for j in range")[::2]
    assert "_exp(t" in per_row
    assert "exp" not in per_lane.partition("def ")[0]


def test_a_kernel_file_that_imports_no_fills_cannot_be_made_for_a_function():
    with pytest.raises(LookupError, match="0 statements import fills"):
        generated.specialised("random", functions_source("u"))


@pytest.mark.slow
def test_a_field_with_a_formula_is_the_field_with_the_function_that_it_spells():
    shape = {"n_site": 6, "length": 4.0, "kernel_width": 0.8, "shift": 0.4, "slope": 1.5, "threshold": 0.2}
    named, written = (
        trajectory(NonlinearField(transfer=transfer, **shape), 200, n_lane=32).x
        for transfer in ("tanh", "tanh(slope*(u - threshold))")
    )
    # both are the same operations: 200 steps of a stable field grow no rounding beyond these
    np.testing.assert_allclose(written, named, atol=1e-14)


MAKE = """
import json, sys
import numpy as np
from nessmap.kernels import generated
from nessmap.theory.transfer_source import functions_source
module = generated.specialised("neural_field", functions_source("u/(1 + abs(u)) + slope"))
assert module is generated.specialised("neural_field", functions_source("u/(1 + abs(u)) + slope"))
out = np.empty((2, 16))
for fill in (module.fill_response, module.fill_gain):
    fill(out, np.ones((2, 16)), 0, np.ones(2), np.zeros(2))
print(json.dumps([module.__name__, [sum(f.stats.cache_hits.values()) for f in (module.fill_response, module.fill_gain)]]))
"""


@pytest.mark.slow
def test_a_second_process_compiles_nothing_and_two_at_once_do_no_harm(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start():
        return subprocess.Popen([sys.executable, "-c", MAKE], env=environment, stdout=subprocess.PIPE, text=True)

    def files():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*") if "__pycache__" not in path.parts}

    together = [start(), start()]
    said = [json.loads(process.communicate(timeout=300)[0]) for process in together]
    assert said[0][0] == said[1][0]
    made = files()
    assert sum(path.suffix == ".py" for path in made) == 1
    again = start()
    assert json.loads(again.communicate(timeout=300)[0]) == [said[0][0], [1, 1]]
    assert files() == made
    # the same text written anew, as by a process that saw no file: compiled code stays valid
    (text,) = [path for path in made if path.suffix == ".py"]
    text.unlink()
    assert json.loads(start().communicate(timeout=300)[0])[1] == [1, 1]
    assert files() == made


@pytest.mark.slow
def test_a_made_kernel_is_as_fast_as_a_shipped_one():
    from time import perf_counter

    u = np.random.default_rng(0).normal(size=(64, 128))
    out, rows = np.empty_like(u), np.ones(64)
    module = generated.specialised("neural_field", functions_source("tanh(slope*(u - threshold))"))
    times = {fill: [] for fill in (kernel.fill_response, module.fill_response)}
    for _ in range(40):
        for fill, taken in times.items():
            started = perf_counter()
            for _ in range(20):
                fill(out, u, 1, rows, rows)
            taken.append(perf_counter() - started)
    shipped, made = (min(taken[1:]) for taken in times.values())
    # the fastest of forty interleaved rounds; libm's tanh would take ten times as long
    assert made < 2 * shipped


def test_equal_formulas_share_a_made_kernel():
    assert functions_source("u/(1+abs(u))") == functions_source("u / (1.0 + abs(u))")
    assert functions_source("u/(1+abs(u))") != functions_source("u/(2+abs(u))")
