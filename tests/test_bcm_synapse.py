"""Passages between the two weights of a bistable synapse: the double integral, Kramers' rate and the law of steps."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, SENSING
from nessmap.kernels.first_passage import advance
from nessmap.model import Run
from nessmap.models.bcm_synapse import BcmSynapse
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.simulate import Restart, Status, Unit, simulate
from nessmap.statistics.calibration import calibration
from nessmap.theory.first_passage import mean_first_passage_time
from nessmap.theory.first_passage_steps import heun_passage
from sampling import estimates, expectations, group_means, observed, run_of

KEPT = ("passages",)
NOISY = BcmSynapse(weight_diffusion=0.004)


def passages(model, dt, duration, n_lane, key=1):
    """Estimates, expectations and the run of one point."""
    run = run_of(dt, duration, n_lane, model.n_dim, "first_passage")
    means = group_means(model, dt=dt, duration=duration, key=key, n_lane=n_lane, kind="first_passage", statistics=KEPT)
    names = observed(model, "first_passage", KEPT)
    return estimates(model, means, dt, names, run), expectations(model, dt, names, run), run


# --- the law of the steps


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("bcm")])
def test_passages_in_short_steps_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    model = BcmSynapse(
        learning_rate=case["eta"],
        threshold_gain=case["alpha"],
        decay=case["eps"],
        activity=case["x"],
        weight_diffusion=case["D_w"],
    )
    # the steps are off by less than (step times the largest curvature, below 5)^2 times U/D, below 10, hence 1e-3 twice over
    found = [model.passage(down, 0.002).time for down in (False, True)]
    assert found == pytest.approx([expected["mfpt_low_to_high"], expected["mfpt_high_to_low"]], rel=1e-3)
    assert [model.lifetime(down) for down in (False, True)] == pytest.approx(
        [expected["mfpt_low_to_high"], expected["mfpt_high_to_low"]], rel=1e-6
    )
    assert model.theory()["strong_probability"].value == pytest.approx(expected["p_high_exact"], rel=1e-6)


@pytest.mark.parametrize("noise", [0.0008, 0.016])
def test_passages_in_steps_tend_to_the_double_integral_as_the_square_of_the_step(noise):
    model = BcmSynapse(weight_diffusion=noise)
    for down in (False, True):
        exact = model.lifetime(down)
        off = [model.passage(down, dt).time / exact - 1 for dt in (0.1, 0.05, 0.025)]
        # the next order is an eighth of this one at most; the equation is solved to 1e-7
        for wide, narrow in itertools.pairwise(off):
            assert wide / narrow == pytest.approx(4.0, rel=0.25)
        assert abs(off[0]) < 2e-4


def test_a_passage_in_a_parabola_is_that_of_the_integral():
    exact = mean_first_passage_time(lambda x: x**2 / 2, 1.0, 0.0, 1.0)
    off = [heun_passage(lambda x: -x, 1.0, dt, 0.0, 1.0, -9.0).time - exact for dt in (0.02, 0.01)]
    # here not small against the time to cross the last step, so that the middle of a step is one part of the error
    assert abs(off[1]) < 1e-4 * exact
    assert abs(off[1]) < abs(off[0])


@pytest.mark.slow
@given(st.floats(0.92, 1.2), st.floats(0.002, 0.02))
@EXAMPLES
def test_a_way_back_is_the_mirror_image_of_a_way_there(activity, noise):
    model = BcmSynapse(activity=activity, weight_diffusion=noise)
    force, (low, high) = model.synapse.drift, model.ends
    there = heun_passage(force, noise, 0.2, low, high, low - 1.0)
    mirrored = heun_passage(lambda w: -force(-w), noise, 0.2, -low, -high, -low + 1.0)
    assert mirrored.mean == pytest.approx(there.mean, rel=1e-9)
    assert there.variance < there.mean**2  # a way takes time: less than a memoryless escape scatters


# --- the simulation


@pytest.mark.slow
@pytest.mark.parametrize("dt", [0.5, 0.1])
def test_simulated_lifetimes_agree_with_the_double_integral(dt):
    """To half a per cent; the bias of the steps is a hundredth of that, at the coarse step too."""
    found, _, _ = passages(NOISY, dt, 5000.0, 1024)
    for name in ("strong_lifetime", "weak_lifetime", "strong_probability"):
        exact = NOISY.theory([name])[name]
        assert exact.kind == "exact"
        value, error = found[name]
        assert error < 0.012 * value
        # the last, unfinished passage adds about a relaxation time of the run's 5000
        assert abs(value - exact.value) < 4 * error + exact.value * 15 / 5000


@pytest.mark.slow
def test_estimates_agree_with_their_expectation_and_their_errors_are_honest():
    scores, random = {}, np.random.default_rng(3)
    for key in range(60):
        noise, activity = math.exp(random.uniform(math.log(0.002), math.log(0.008))), float(random.uniform(0.96, 1.08))
        model = BcmSynapse(weight_diffusion=noise, activity=activity)
        found, expected, _ = passages(model, 0.25, 1500.0, 256, key)
        for name, value in expected.items():
            if "rate" not in name:  # whose theory is approximate
                scores.setdefault(name, []).append((found[name].value - value) / found[name].standard_error)
    for name, z in scores.items():
        law = calibration(z)
        assert law.n > 30, name
        # six p-values: one below 1e-3 in 160 suites
        assert min(law.p_value, law.spread_p_value) > 1e-3, (name, law)


@pytest.mark.slow
def test_rates_tend_to_kramers_law_for_deep_wells_and_not_before():
    """Barriers of 1.9 and 8 D, at an activity at which both are equally high to a per cent."""
    ratios = []
    for noise in (0.008, 0.0018):
        model = BcmSynapse(activity=0.9487, weight_diffusion=noise)
        found, _, run = passages(model, 0.25, 10000.0, 512)
        value, error = found["strong_escape_rate"]
        ratio = value / model.theory(["strong_escape_rate"])["strong_escape_rate"].value
        exact = 1 / (model.lifetime_at(True, run) * model.theory(["strong_escape_rate"])["strong_escape_rate"].value)
        assert abs(ratio - exact) < 4 * error / value * ratio
        ratios.append(abs(ratio - 1))
    assert ratios[1] < ratios[0]


def test_a_crossing_within_a_step_is_seen():
    """Of a free weight, whose law of passage is known: erfc(b / sqrt(4 D t)), at steps as long as the distance."""
    n_lane, n_step, dt, distance = 1 << 14, 4, 0.5, 1.0
    x = np.zeros((n_step + 1, 5, n_lane))
    start = np.array([0.0, distance])
    x[0, 0] = start[BcmSynapse.direction(n_lane)]
    advance(x, np.zeros(2), 1.0, start, dt, np.uint64(9), 0, 0)
    first = (x[-1, 2] > 0).mean()
    chance = math.erfc(distance / math.sqrt(4 * n_step * dt))
    # a bridge of a free path is exact at any step: five standard errors
    assert abs(first - chance) < 5 * math.sqrt(chance * (1 - chance) / n_lane)
    ends_only = (x[1:, 0] >= distance).any(axis=0)[BcmSynapse.direction(n_lane) == 0].mean()
    assert ends_only < 0.9 * chance


def test_lanes_start_in_both_wells_and_return_there_after_a_passage():
    protocol = PROTOCOLS["first_passage"](NOISY, Run(0.2, 2000, 64), 5, 0, 64)
    start = protocol.start()
    low, high = NOISY.ends
    assert (start.x[0] == np.repeat([low, high, low, high], 16)).all()
    assert not start.x[1:].any()
    x = protocol.advance(start, 2000)[1].x
    crossed = np.diff(x[:, 2], axis=0) > 0
    assert crossed.sum() > 100
    back = np.broadcast_to(start.x[0], crossed.shape)[crossed]
    assert (x[1:, 0][crossed] == back).all()
    assert not x[1:, 1][crossed].any()
    # times of passages, the half steps that each leaves over, and the time since the last start are all the time
    total = x[-1, 3] + 0.1 * x[-1, 2] + x[-1, 1]
    np.testing.assert_allclose(total, 400.0, rtol=1e-11)


def test_below_the_onset_there_is_no_second_weight_and_the_rate_vanishes_at_it():
    onset = NOISY.synapse.onset
    below, above = (BcmSynapse(activity=onset * factor).stability().leading_rate for factor in (1 - 1e-8, 1 + 1e-8))
    assert below > 0 > above
    # a square root: 1e-4 at 1e-8 from it
    assert max(below, -above) < 2e-4
    unit = Unit("bcm_synapse", {"activity": 0.8}, "first_passage", 0.2, 1, 0, 32, 100, KEPT)
    assert {record.status for record in simulate(unit)} == {Status.unstable}


def test_a_prolonged_run_is_a_longer_one_to_the_bit():
    def unit(n_step):
        return Unit("bcm_synapse", {"weight_diffusion": 0.008}, "first_passage", 0.2, 1, 0, 64, n_step, KEPT)

    short, long = (simulate(unit(n)) for n in (500, 1000))
    state = PROTOCOLS["first_passage"](NOISY, Run(0.2), 1, 0, 64).start()._replace(step=500, x=short[1].array)
    prolonged = simulate(unit(1000), Restart(state, {"passages": short[0].array}))
    assert prolonged[0].end == long[0].end
    np.testing.assert_allclose(prolonged[0].array, long[0].array, rtol=1e-12)


def test_few_passages_give_no_expectation_and_none_no_number():
    model = BcmSynapse(weight_diffusion=0.0004)
    found, expected, run = passages(model, 0.2, 20.0, 64)
    assert np.isnan(found["strong_lifetime"].value)
    assert "strong_lifetime" not in expected
    assert OBSERVABLES["strong_lifetime"].why_undefined(model, run) == ""
    alone = run._replace(n_replica=16)
    assert "set run.n_replica >= 32" in OBSERVABLES["strong_lifetime"].why_undefined(model, alone)


@pytest.mark.parametrize("activity", [0.92, 1.0, 1.16])
@pytest.mark.parametrize("diffusion", [0.001, 0.016])
def test_steps_find_nearly_the_time_of_the_double_integral(activity, diffusion):
    synapse = BcmSynapse(decay=0.2, activity=activity, weight_diffusion=diffusion)
    for down in (False, True):
        # second order in dt: 7e-5 at dt = 0.1 for rates of order one, and rates here are up to ten times as large
        assert synapse.passage(down, 0.2).time == pytest.approx(synapse.lifetime(down), rel=5e-3)


def test_steps_that_jump_over_the_well_give_no_number():
    synapse = BcmSynapse(decay=0.2, activity=1.16, weight_diffusion=0.016)
    weak, strong = synapse.ends
    assert np.isnan(heun_passage(synapse.synapse.drift, 0.016, 0.2, weak, strong, weak - 2.5).mean)
