"""A ring whose coupling follows from a transfer function at its homogeneous state: which state, which gain, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap import identity
from nessmap.model import ParameterError
from nessmap.models.amari_field import AmariField

RING = {"n_site": 16, "length": 8.0, "kernel_width": 0.7, "shift": 0.4}
# steep enough for three states: 0 and 1 are nearly fixed points of weight 1
BISTABLE = {"transfer": "logistic", "slope": 8.0, "threshold": 0.5, "weight": 1.0, **RING}


def logistic(u, slope, threshold):
    return 1 / (1 + np.exp(-slope * (u - threshold)))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.2, 3.5), st.floats(-1.0, 1.0), st.floats(-2.0, 1.0), st.floats(-1.0, 1.0))
def test_the_coupling_is_weight_times_gain_at_a_state_that_rests(slope, threshold, weight, current):
    model = AmariField(transfer="logistic", slope=slope, threshold=threshold, weight=weight, input=current, **RING)
    # as the model has them: parameters are rounded to 12 digits
    u, slope, threshold, weight, current = (
        model.homogeneous_state,
        model.slope,
        model.threshold,
        model.weight,
        model.input,
    )
    kernel = model.spacing * model.kernel_at_sites().sum()  # 1 but for aliases
    f = logistic(u, slope, threshold)
    assert u == pytest.approx(weight * kernel * f + current, rel=1e-12, abs=1e-14)
    assert model.gain_coupling == pytest.approx(weight * slope * f * (1 - f), rel=1e-10)
    # the linearised field is that of the given coupling; parameters have 12 digits
    given_coupling = AmariField(coupling=model.gain_coupling, **RING)
    np.testing.assert_array_equal(model.modes.decay, given_coupling.modes.decay)
    np.testing.assert_array_equal(model.modes.rotation, given_coupling.modes.rotation)


def test_the_coupling_is_the_derivative_of_the_response():
    """Finite differences of weight f about the state: error slope^3 step^2, and rounding over the step."""
    model, step = AmariField(transfer="tanh", slope=1.5, threshold=0.2, weight=0.6, input=0.1, **RING), 1e-4
    u = model.homogeneous_state
    up, down = (0.6 * np.tanh(1.5 * (u + side * step - 0.2)) for side in (1, -1))
    assert model.gain_coupling == pytest.approx((up - down) / (2 * step), abs=1.5**3 * step**2 + 1e-15 / step)


def test_the_two_branches_of_a_bistable_field_are_two_fields():
    low, high = (AmariField(branch=branch, **BISTABLE) for branch in ("lowest", "highest"))
    # symmetric about the threshold: u -> 1 - u
    assert low.homogeneous_state == pytest.approx(1 - high.homogeneous_state, rel=1e-9)
    assert low.homogeneous_state < 0.1
    assert low.gain_coupling == pytest.approx(high.gain_coupling, rel=1e-9)
    biased = [AmariField(**{**BISTABLE, "branch": branch, "input": 0.05}) for branch in ("lowest", "highest")]
    assert biased[0].gain_coupling > 1.5 * biased[1].gain_coupling  # nearer to the threshold, nearer to its instability


def test_both_branches_are_stable_and_the_state_between_them_is_not():
    """Of three states the outer two have weight f' < 1; in the middle it is weight slope / 4 = 2."""
    for branch in ("lowest", "highest"):
        assert AmariField(branch=branch, **BISTABLE).stability().leading_rate < 0
    assert AmariField(coupling=8.0 / 4, **RING).stability().leading_rate > 0


def test_the_gain_jumps_where_the_lower_branch_ends():
    """A saddle-node bifurcation: the gain tends to 1 there, the leading rate to 0 like the root of the distance."""
    root = np.sqrt(1 - 4 / 8.0)
    end = 0.5 - 2 * np.arctanh(root) / 8.0  # weight f'(u) = 1
    critical = end - logistic(end, 8.0, 0.5)
    rates = []
    for distance in (1e-4, 1e-6):
        below = AmariField(**BISTABLE, input=critical - distance)
        above = AmariField(**BISTABLE, input=critical + distance)
        assert above.homogeneous_state > 0.9 > 0.3 > below.homogeneous_state
        rates.append(-below.stability().leading_rate)
    assert rates[0] / rates[1] == pytest.approx(10.0, rel=0.05)  # corrections of the root of 1e-4, times a few
    assert rates[1] < 0.01


def test_a_steeper_transfer_function_is_more_irreversible():
    """Up to the threshold of instability the coupling, and with it the rate, grows with the slope at the threshold."""
    rates = [
        AmariField(transfer="logistic", slope=slope, threshold=0.5, **RING)
        .theory(["entropy_production_rate"])["entropy_production_rate"]
        .value
        for slope in (1.0, 2.0, 3.0)
    ]
    assert 0 < rates[0] < rates[1] < rates[2]


def test_a_path_knows_the_coupling_and_not_where_it_came_from():
    """The state u_0 is taken off, so equal couplings are equal paths and are computed once."""
    model = AmariField(transfer="identity", slope=0.5, threshold=0.0, weight=1.4, **RING)
    given_coupling = AmariField(coupling=0.7, **RING)
    assert model.gain_coupling == 0.7
    assert identity.stream(model, 0.05, 1) == identity.stream(given_coupling, 0.05, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"transfer": "tanh", "coupling": 0.7},
            "amari_field: coupling = 0.7, expected nothing: it follows from transfer = tanh; leave it out",
        ),
        (
            {"transfer": "identity", "weight": 1.0, "slope": 1.0, "input": 0.3, "kernel_width": 1.0, "length": 8.0},
            "amari_field: weight = 1.0, expected one with a homogeneous state; "
            "identity of slope 1 grows as fast as u itself or faster: lower weight x slope",
        ),
        (
            {"transfer": "threshold_linear", "weight": 2.0, "slope": 1.0, "input": 0.3},
            "amari_field: weight = 2.0, expected one with a homogeneous state; "
            "threshold_linear of slope 1 grows as fast as u itself or faster: lower weight x slope",
        ),
        (
            {"slope": 2.0},
            "amari_field: slope = 2.0, expected nothing: transfer = given does not use it; leave it out, or choose transfer: "
            "identity or tanh or logistic or threshold_linear or arcsinh",
        ),
    ],
)
def test_what_has_no_homogeneous_state_or_no_meaning_is_refused(parameters, message):
    with pytest.raises(ParameterError) as caught:
        AmariField(**parameters)
    assert str(caught.value) == message
