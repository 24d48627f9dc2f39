"""Noise that follows the gain: entropies by another route, exact equilibrium, Fokker-Planck, the law of weak noise."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest

from gain_following_noise import EXTRAPOLATED, NAMES, PATH, RATE, SHAPES, SMALL, VARIANCE, EvenSites, TwoSites, measured
from nessmap.model import ParameterError
from nessmap.models.langevin import INTERPRETATIONS, LangevinModel
from nessmap.models.multiplicative_field import MultiplicativeField
from nessmap.observables import OBSERVABLES
from nessmap.theory import nonlinear_equilibria
from nessmap.theory.fokker_planck import entropy_production_rate, settled_box
from nessmap.theory.linear_response import jacobian
from nessmap.theory.weak_noise import reversible_state_rate
from sampling import group_means, trajectory

# --- entropy along paths


FORMULA = [" " in shape.get("transfer", "") for shape in SHAPES]  # compiled for itself, seconds


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(shape, id=name, marks=pytest.mark.slow if formula else ())
        for shape, name, formula in zip(SHAPES, NAMES, FORMULA, strict=True)
    ],
)
def test_the_kernel_sums_what_numpy_sums(shape):
    model = MultiplicativeField(**SMALL, **shape)
    x = model.fixed_point[:, None] + 0.5 * np.random.default_rng(1).normal(size=(4, 6, 16))
    if model.exponent == 0:
        x = np.abs(x) + model.threshold + 0.01  # no difference across the kink
    expected = LangevinModel.path_entropy(model, x)
    np.testing.assert_allclose(model.path_entropy(x), expected, atol=1e-13 * (1 + np.abs(expected).max()))
    # the numpy leg differentiates force and noise by differences, to a relative 1e-7
    expected = LangevinModel.local_entropy_rate(model, x)
    np.testing.assert_allclose(model.local_entropy_rate(x), expected, atol=1e-7 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("shape", SHAPES[:5], ids=NAMES[:5])
def test_the_force_and_the_whole_one_differ_by_a_gradient(shape):
    """The Jacobian of D^-1 Ft - M is symmetric at any state."""
    model = MultiplicativeField(**SMALL, **{**shape, "control_variate": "none"})
    alpha = INTERPRETATIONS[shape["interpretation"]]
    whole = nonlinear_equilibria.thermodynamic_force(
        lambda u: model.drift(u, 0.0), lambda u: model.diffusion(u, 0.0), alpha
    )
    for state in np.random.default_rng(2).normal(size=(3, 6)):
        slope = jacobian(lambda u: whole(u) - model.force(u), state)
        off = slope.error * (1 - np.eye(6))  # D' was differentiated before; only what is compared counts
        assert np.all(np.abs(slope.matrix - slope.matrix.T) <= off + off.T + 1e-9 * np.abs(slope.matrix).max())
        # neither is one by itself, unless the kernel is even and the noise matched
        turning = jacobian(model.force, state)
        matched = model.exponent == 1 and model.even_kernel
        assert (np.abs(turning.matrix - turning.matrix.T).max() > 100 * turning.error.max()) != matched


# --- equilibrium


def even_sites(interpretation, **shape):
    """Gain-matched noise on two sites, far from linear: u varies over several widths 1/slope."""
    return EvenSites(
        **{
            "exponent": 1.0,
            "interpretation": interpretation,
            "noise_strength": 0.5,
            "slope": 2.0,
            "coupling": 0.3,
            "threshold": 0.3,
            **shape,
        }
    )


@pytest.mark.parametrize("interpretation", INTERPRETATIONS)
def test_gain_matched_noise_produces_no_entropy_to_the_last_bit(interpretation):
    model = MultiplicativeField(**SMALL, interpretation=interpretation)
    x = model.fixed_point[:, None] + np.random.default_rng(1).normal(size=(4, 6, 16))
    assert not model.path_entropy(x).any()
    assert not model.local_entropy_rate(x).any()
    prediction = model.theory()[RATE]
    assert (prediction.value, prediction.kind) == (0.0, "exact")
    assert model.theory([PATH])[PATH].kind == "exact"
    skew = MultiplicativeField(**SMALL, interpretation=interpretation, shift=0.3)
    assert skew.path_entropy(x).any()
    assert skew.theory()[RATE].kind == "approximate"


def moments_by_quadrature(model, interpretation):
    """<u_i>, <u_i^2> of exp(-E/T) prod D_i^(alpha - 1)."""
    field = nonlinear_equilibria.NonlinearField(
        model.weights, "arcsinh", model.slope, model.threshold, model.drive, model.time_constant
    )
    axis = np.linspace(-40.0, 40.0, 801)
    u = np.stack(np.meshgrid(axis, axis, indexing="ij"))
    temperature = model.noise_strength * float(model.gain[0])
    logarithm = nonlinear_equilibria.gain_matched_log_density(field, temperature, INTERPRETATIONS[interpretation], u)
    weight = np.exp(logarithm - logarithm.max())
    assert max(weight[0].max(), weight[-1].max()) < 1e-8  # trapezoids converge exponentially where nothing is cut off
    return np.array([(weight * u[i] ** power).sum() / weight.sum() for power in (1, 2) for i in (0, 1)])


@pytest.mark.slow
@pytest.mark.parametrize("interpretation", INTERPRETATIONS)
def test_gain_matched_noise_has_the_law_of_its_interpretation(interpretation):
    model = even_sites(interpretation)
    means = group_means(model, dt=0.05, duration=400.0, n_lane=512, statistics=("site_moments",))["site_moments"]
    value, error = means.mean(axis=1), means.std(axis=1, ddof=1) / 4
    # splitting at this dt is off by 3e-5 (see the weak order below), a tenth of an error
    assert np.all(np.abs(value - moments_by_quadrature(model, interpretation)) < 4 * error)
    for other in INTERPRETATIONS.keys() - {interpretation}:
        assert np.abs((value - moments_by_quadrature(model, other)) / error).max() > 10
    stronger = dataclasses.replace(model, noise_strength=1.03 * model.noise_strength)
    assert np.abs((value - moments_by_quadrature(stronger, interpretation)) / error).max() > 4


@pytest.mark.slow
@pytest.mark.parametrize("interpretation", INTERPRETATIONS)
def test_the_whole_medium_entropy_has_no_mean_at_equilibrium(interpretation):
    """(Ft/D) o du with every gradient left in: a simulator with currents of its own would show."""

    def whole(model):
        force = nonlinear_equilibria.thermodynamic_force(
            lambda u: model.drift(u, 0.0), lambda u: model.diffusion(u, 0.0), model.alpha
        )
        x = np.moveaxis(trajectory(model, 4000, dt=0.02, n_lane=512).x, 1, 0)

        def rate(path, dt):
            middle, step = (path[:, 1:] + path[:, :-1]) / 2, np.diff(path, axis=1)
            return (force(middle) * step).sum(axis=0).mean(axis=0) / dt

        lanes = 2 * rate(x, 0.02) - rate(x[:, ::2], 0.04)  # what is linear in dt cancels
        return lanes.mean(), lanes.std(ddof=1) / np.sqrt(lanes.size)

    value, error = whole(even_sites(interpretation))
    assert abs(value) < 4 * error
    turned, spread = whole(TwoSites(**dataclasses.asdict(even_sites(interpretation))))
    assert turned > 8 * spread


# --- the Fokker-Planck equation


def exact_rate(model, n_cell=128):
    return entropy_production_rate(model.planar, settled_box(model.planar, model.fixed_point), n_cell)


CASES = [(-1.0, 0.3), (0.5, 0.3), (1.0, 0.1)]  # exponent, noise; stronger noise at 1 has tails that no grid resolves


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "noise"), CASES)
@pytest.mark.parametrize("interpretation", INTERPRETATIONS)
def test_both_estimators_agree_with_the_fokker_planck_equation(exponent, noise, interpretation):
    model = TwoSites(exponent=exponent, interpretation=interpretation, noise_strength=noise, threshold=0.4)
    exact = exact_rate(model, 256)
    assert exact.error < 1e-3 * exact.value
    found = measured(model)
    for name in (RATE, EXTRAPOLATED):
        # weak order 2: (dt / tau)^2 of the value, 0.25 %
        assert abs(found[name].value - exact.value) < 4 * found[name].standard_error + 0.0025 * exact.value
        assert found[name].standard_error < 0.01 * exact.value


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "noise"), CASES)
def test_away_from_equilibrium_the_interpretations_differ(exponent, noise):
    rates = [
        exact_rate(TwoSites(exponent=exponent, interpretation=name, noise_strength=noise, threshold=0.4), 256)
        for name in INTERPRETATIONS
    ]
    # in order, and the other way round where the noise follows the gain instead of its inverse
    steps = np.diff([rate.value for rate in rates])
    assert np.all(steps * exponent > 100 * max(rate.error for rate in rates))


@pytest.mark.slow
@pytest.mark.parametrize("interpretation", INTERPRETATIONS)
def test_weak_noise_produces_one_minus_the_exponent_squared_of_the_additive_rate(interpretation):
    """Pi / ((1 - e)^2 Pi_0) = 1 + O(D): the remainder falls fourfold with D."""
    for exponent in (-1.0, 0.5, 1.2):
        remainder = []
        for noise in (0.002, 0.008):
            model = EvenSites(
                exponent=exponent, interpretation=interpretation, noise_strength=noise, threshold=1.5, coupling=0.3
            )
            bend = model._of(model.function.curvature, model.fixed_point)
            second = np.einsum("ij,j,jl->ijl", model.weights, bend, np.eye(2))
            additive = reversible_state_rate(model.linear_drift, second, model.noise_covariance)
            remainder.append(exact_rate(model).value / ((1 - exponent) ** 2 * additive) - 1)
        assert abs(remainder[0]) < 0.03
        assert abs(remainder[1] - 4 * remainder[0]) < 0.3 * abs(remainder[1]) + 1e-3


def test_theory_of_an_even_kernel_is_that_law():
    additive = MultiplicativeField(**SMALL, exponent=0.0).theory([RATE])[RATE].value
    for exponent, interpretation in product((-1.0, 0.5, 1.5), INTERPRETATIONS):
        made = MultiplicativeField(**SMALL, exponent=exponent, interpretation=interpretation).theory([RATE, PATH])
        assert made[RATE].kind == made[PATH].kind == "approximate"
        assert made[RATE].value == pytest.approx((1 - exponent) ** 2 * additive, rel=1e-12)


# --- what cannot be


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"transfer": "threshold_linear", "exponent": 0.5}, "f' of threshold_linear is not positive everywhere"),
        ({"transfer": "u**3", "exponent": -0.5, "coupling": 0.01}, "not positive everywhere"),
        ({"transfer": "logistic", "exponent": 1.0}, "grows more slowly than u^2"),
        ({"transfer": "tanh", "exponent": 0.5, "slope": 1.0}, "grows more slowly than u^2"),
        ({"exponent": 2.0}, "found |u|^2 with"),
        ({"noise_correlation_length": 1.0}, "noise of each site's own"),
    ],
    ids=["kink", "flat point", "logistic", "tanh", "too steep", "correlated"],
)
def test_noise_without_a_law_is_refused_with_a_remedy(shape, message):
    with pytest.raises(ParameterError, match=message.replace("|", r"\|").replace("^", r"\^")) as refused:
        MultiplicativeField(**SMALL, **shape)
    assert "; " in str(refused.value)


@pytest.mark.parametrize(
    "shape",
    [
        {"exponent": 1.9},
        {"transfer": "tanh", "exponent": -1.0, "slope": 1.0},
        {"transfer": "0.1 * u + tanh(slope * u)", "exponent": 3.0, "coupling": 0.3},
        {"transfer": "identity", "exponent": 5.0, "slope": 1.0},
        {"transfer": "threshold_linear", "exponent": 0.0, "slope": 1.0},
    ],
    ids=["arcsinh", "falling noise", "linear part", "linear", "additive"],
)
def test_noise_with_a_law_is_allowed(shape):
    assert MultiplicativeField(**SMALL, **shape).exponent == shape["exponent"]


def test_every_rate_has_a_name_in_the_registry():
    assert OBSERVABLES[EXTRAPOLATED].defined_for(MultiplicativeField)
    assert OBSERVABLES[VARIANCE].defined_for(MultiplicativeField)
