"""The nonlinear field on a ring: limits, exact equilibria, its linear twin as control variate, and a reference simulation."""

import json
from pathlib import Path

import numpy as np
import pytest

from nessmap.model import Run
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.observables import OBSERVABLES
from nessmap.protocols.stationary import Stationary
from nessmap.statistics.jackknife import Estimate
from sampling import estimates, group_means, trajectory
from two_sites import TwoSites

ORACLES = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]
RATE, PATH, VARIANCE = "entropy_production_rate", "entropy_production_rate_path", "site_variance"
NAMES = (RATE, PATH, VARIANCE)
EXTRAPOLATED = "entropy_production_rate_extrapolated"
CONTROLLED = (f"{RATE}_controlled", f"{PATH}_controlled", f"{EXTRAPOLATED}_controlled")
GAINS = ("work_reduction", "work_reduction_path")
SMALL = {"n_site": 6, "length": 4.0, "kernel_width": 0.8}


def measured(model, *, dt=0.02, duration=100.0, n_lane=256, key=1, names=NAMES):
    needed = {need for name in names for need in OBSERVABLES[name].needs_for(type(model))}
    means = group_means(model, dt=dt, duration=duration, n_lane=n_lane, key=key, statistics=tuple(needed))
    return estimates(model, means, dt, names, Run(dt, 1000))


# --- physics


def test_a_linear_transfer_function_gives_the_linear_field():
    model = NonlinearField(transfer="identity", slope=1.0, coupling=0.6, shift=0.5, **SMALL)
    theory = model.linearised.theory([RATE, VARIANCE])
    found, sampled = measured(model), model.linearised.path_entropy_production_rate(0.02)
    assert abs(found[RATE].value - theory[RATE].value) < 4 * found[RATE].standard_error
    assert abs(found[VARIANCE].value - theory[VARIANCE].value) < 4 * found[VARIANCE].standard_error
    # the mean of the path sum at this dt; Heun is off it by the square of gamma dt, at most 0.0004
    assert abs(found[PATH].value - sampled) < 4 * found[PATH].standard_error


@pytest.mark.slow
def test_noise_in_proportion_to_the_kernel_is_equilibrium_for_any_transfer_function():
    """C ~ w, both exponential: exactly zero, path by path; white noise of the same strength is not."""
    shape = {"kernel": "exponential", "transfer": "logistic", "slope": 4.0, "coupling": 0.8, "threshold": 0.2}
    shape |= {**SMALL, "noise_strength": 0.2}
    matched = measured(NonlinearField(**shape, noise_correlation_length=0.8), duration=10.0)
    white = measured(NonlinearField(**shape), duration=200.0)
    for name in (RATE, PATH):
        assert (matched[name].value, matched[name].standard_error) == (0.0, 0.0)
    # the path sum is low by gamma dt, at most 2 %: a positive kernel has gamma <= 1
    assert white[PATH].value > 8 * white[PATH].standard_error
    assert abs(white[RATE].value - white[PATH].value) < 4 * white[RATE].standard_error + 0.02 * white[PATH].value


@pytest.mark.slow
def test_reference_simulation_of_an_even_kernel_under_white_noise():
    """C24: N = 8, logistic, D = 0.3 per site; both simulations within their errors, and far below the weak-noise law."""
    reference = ORACLES["C24"]["values"]
    value, error = reference["epr_sim_D0.3"], reference["epr_sim_se_D0.3"]
    response = 1 / (1 + np.exp(0.8))
    model = NonlinearField(
        transfer="logistic",
        slope=2.0,
        threshold=0.4,
        coupling=1.5,
        kernel_width=0.6,
        n_site=8,
        length=4.0,
        input=-1.5 * response,
        noise_strength=0.15,
    )
    assert model.fixed_point == pytest.approx(0.0, abs=1e-9)
    theory = model.theory()[RATE]
    assert theory.value / 0.3 == pytest.approx(reference["weak_noise_slope"], rel=1e-9)
    assert theory.kind == "approximate"
    found = measured(model, dt=0.02, duration=300.0)
    for name in (RATE, PATH):
        # the path sum is low by gamma dt, at most 2 %: a positive kernel has gamma <= 1
        assert abs(found[name].value - value) < 4 * np.hypot(found[name].standard_error, error) + 0.02 * value
    assert found[PATH].value < theory.value / 2


def test_theory_is_approximate_and_so_is_what_the_estimators_are_held_against():
    model = NonlinearField(**SMALL)
    predictions = model.theory()
    assert set(NAMES) <= predictions.keys()
    for name in NAMES:
        for prediction in (OBSERVABLES[name].theory, OBSERVABLES[name].expected):
            assert prediction(model, Run(0.05), predictions).kind == "approximate"


def test_the_start_is_burnt_in_and_keeps_its_bits():
    model = NonlinearField(**SMALL, transfer="logistic", slope=3.0, coupling=1.0)
    assert model.burn_in == pytest.approx(20 / -model.stability().leading_rate)
    one, other = trajectory(model, 3, n_lane=32), trajectory(model, 3, n_lane=32)
    np.testing.assert_array_equal(one.x, other.x)


# --- the control variate


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_a_linear_field_is_its_own_twin_and_then_nothing_is_left_to_chance(scheme):
    """With f the identity p = q: the controlled estimates are the twin's exact means, docs/theory.md (103)."""
    model = NonlinearField(
        transfer="identity", slope=1.0, coupling=0.6, shift=0.5, scheme=scheme, control_variate="linear", **SMALL
    )
    plain = (RATE, PATH, EXTRAPOLATED)
    found = measured(model, dt=0.1, names=(*CONTROLLED, *plain))
    for name, other, mean in zip(CONTROLLED, plain, model.chain_means(Run(0.1)), strict=True):
        assert found[name].value == pytest.approx(mean, rel=1e-10)
        # the exact means of the chain are those that the plain estimate has too
        assert abs(found[other].value - mean) < 4 * found[other].standard_error


@pytest.mark.slow
def test_the_control_variate_saves_work_where_the_field_is_nearly_linear_and_moves_no_mean():
    shape = {**SMALL, "transfer": "logistic", "slope": 3.0, "coupling": 1.0, "threshold": 0.3, "shift": 0.5}
    saved = []
    for strength in (0.0003, 0.03):
        model = NonlinearField(**shape, noise_strength=strength, control_variate="linear")
        found = measured(model, dt=0.05, names=(RATE, PATH, *CONTROLLED, *GAINS))
        for name, controlled, gain in zip((RATE, PATH), CONTROLLED, GAINS, strict=False):
            spread = np.hypot(found[name].standard_error, found[controlled].standard_error)
            assert abs(found[name].value - found[controlled].value) < 4 * spread
            # the ratio of two variances of 15 degrees of freedom each is within a factor of 5 of what it estimates
            ratio = (found[name].standard_error / found[controlled].standard_error) ** 2
            assert found[gain].value / 5 < ratio < 5 * found[gain].value
        saved.append([found[gain].value for gain in GAINS])
        if strength == 0.0003:  # weak enough for the linear theory, which the extrapolated path sum then meets
            exact, met = model.theory()[RATE].value, found[CONTROLLED[2]]
            assert abs(met.value - exact) < 4 * met.standard_error + model.small_parameter**2 * exact
    # path sums gain most: 170 and 3 were measured
    assert saved[0][1] > 50
    assert all(weak > 3 * strong for weak, strong in zip(*saved, strict=True))


def test_without_a_twin_there_is_no_controlled_estimate_and_it_is_said_why():
    model = NonlinearField(**SMALL)
    for name in (*CONTROLLED, *GAINS):
        assert "control_variate" in OBSERVABLES[name].why_undefined(model, Run(0.05))


# --- the Fokker-Planck equation


def pooled(estimates):
    """Mean of independent estimates with the error that theirs give it: four times the degrees of freedom of one."""
    values, errors = np.array(estimates).T
    return Estimate(values.mean(), np.sqrt((errors**2).sum()) / len(values))


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.05, 0.3])
def test_two_sites_have_the_entropy_production_of_the_fokker_planck_equation(strength):
    """C27: white noise, symmetric weights, a nonlinear f; the simulation of the reference and ours agree with the equation."""
    model = TwoSites(slope=2.0, threshold=0.4, noise=((strength, 0.0), (0.0, strength)))
    exact = model.exact_rate()
    reference = ORACLES["C27"]["values"][f"epr_FP_D{strength}"]
    assert exact.value == pytest.approx(reference, rel=1e-5)
    runs = [measured(model, dt=0.05, duration=1000.0, key=key) for key in (1, 2, 3, 4)]
    found = {name: pooled([run[name] for run in runs]) for name in (RATE, PATH)}
    # the path sum is low by gamma dt, at most 5 %: gamma <= 1
    for name, allowed in ((RATE, 0.0), (PATH, 0.05)):
        assert abs(found[name].value - exact.value) < 4 * found[name].standard_error + allowed * exact.value
    assert found[PATH].value > 8 * found[PATH].standard_error


OFF = ((0.3, 0.155), (0.155, 0.3))  # the covariance of the sites is 22 % too low


@pytest.mark.slow
def test_a_covariance_slightly_off_proportional_to_the_weights_is_caught():
    model = TwoSites(matrix=((0.6, 0.4), (0.4, 0.6)), slope=4.0, threshold=0.3, noise=OFF)
    exact = model.exact_rate()
    found = measured(model, dt=0.05, duration=2000.0)
    # the path sum is low by gamma dt, at most 5 %: gamma <= 1
    for name, allowed in ((RATE, 0.0), (PATH, 0.05)):
        assert abs(found[name].value - exact.value) < 4 * found[name].standard_error + allowed * exact.value
    assert found[PATH].value > 6 * found[PATH].standard_error


@pytest.mark.slow
@pytest.mark.parametrize("noise", [((0.3, 0.2), (0.2, 0.3)), OFF], ids=["matched", "off"])
def test_the_whole_force_shows_equilibrium_too_and_the_simulated_law_is_the_exact_one(noise):
    """Estimators leave out gradients, and so all of the force at W ~ C; here nothing is: D^-1 F along the path."""
    model = TwoSites(matrix=((0.6, 0.4), (0.4, 0.6)), slope=4.0, threshold=0.3, noise=noise)
    dt, inverse = 0.02, np.linalg.inv(np.array(noise))
    lanes = Stationary(model, Run(dt), 1, 0, 512)
    state, total, moments = lanes.start(), np.zeros(512), np.zeros(512)
    for _ in range(200):
        state, block = lanes.advance(state, 100)
        u = np.moveaxis((block.x[1:] + block.x[:-1]) / 2, 1, 0)
        force = np.tensordot(inverse, model.drift(u, 0.0), axes=1)
        total += (force * np.moveaxis(np.diff(block.x, axis=0), 1, 0)).sum(axis=(0, 1))
        moments += ((block.x[1:] - block.x[1:].mean(axis=(0, 2), keepdims=True)) ** 2).mean(axis=(0, 1)) / 200
    rate, error = total.mean() / 400, total.std() / 400 / np.sqrt(512)
    # of a sum over ends alone the error would be that of a difference of states: 1e-3
    assert abs(rate - model.exact_rate().value) < 4 * error
    spread = moments.std() / np.sqrt(512)
    assert abs(moments.mean() - model.exact_variance()) < 4 * spread
