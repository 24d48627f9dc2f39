"""Excitation and inhibition with their nonlinearity on a torus: transforms against matrices, steps in numpy, limits."""

import numpy as np
import pytest

from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.model import ParameterError, Run
from nessmap.models.langevin import LangevinModel, Linearised
from nessmap.models.neural_field import NeuralField
from nessmap.models.nonlinear_excitatory_inhibitory_field import NonlinearExcitatoryInhibitoryField
from nessmap.models.nonlinear_excitatory_inhibitory_torus import NonlinearExcitatoryInhibitoryTorus
from nessmap.models.nonlinear_torus import NonlinearTorus
from nessmap.theory.linear_response import jacobian
from sampling import estimates, group_means, trajectory, trapezoids

RATE, PATH, EXTRAPOLATED = (f"entropy_production_rate{tail}" for tail in ("", "_path", "_extrapolated"))
VARIANCE = "site_variance"
SMALL = {"n_site": 4, "length": 3.0, "excitatory_width": 0.8, "inhibitory_width": 1.0}
SHAPES = [
    {"excitatory_anisotropy": 1.1},
    {
        "transfer": "tanh",
        "slope": 1.5,
        "inhibitory_slope": 0.7,
        "threshold": 0.2,
        "inhibitory_time": 2.0,
        "excitatory_noise_length": 0.6,
        "inhibitory_noise_length": 0.9,
        "noise_correlation": 0.5,
        "inhibitory_anisotropy": 1.4,
        "n_site": 5,
    },
    {"noise_correlation": -0.6, "input": 0.3, "inhibitory_input": -0.1, "excitatory_time": 0.4},
    {"transfer": "u/(1+abs(u)) + threshold", "slope": 1.0, "threshold": 0.1, "inhibitory_noise_length": 0.5},
]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=["white", "correlated", "common", "formula"])


def field(**shape):
    return NonlinearExcitatoryInhibitoryTorus(**{**SMALL, **shape})


def measured(model, *, dt=0.02, duration=100.0, n_lane=256):
    stored = ("path_entropy", "site_moments")
    means = group_means(model, dt=dt, duration=duration, n_lane=n_lane, statistics=stored)
    return estimates(model, means, dt, (RATE, PATH, EXTRAPOLATED, VARIANCE))


# --- matrices between sites


@pytest.mark.slow
@each_shape
def test_what_transforms_make_is_what_dense_matrices_make(shape):
    model = field(**shape)
    dense = {name: getattr(NeuralField, name).func(model) for name in ("bending_force", "circulating_force")}
    digits = 1e-14 * np.linalg.cond(model.noise_covariance)
    for name, matrix in dense.items():
        own, largest = getattr(model, name), np.abs(matrix).max()
        np.testing.assert_allclose(own, matrix, atol=digits * largest)
        np.testing.assert_allclose(model.stages_of(own).matrix(), own, atol=1e-14 * largest)
    np.testing.assert_allclose(model._inverse_noise @ model.noise_covariance, np.eye(model.n_field), atol=digits)
    covariance = LangevinModel.site_covariance.func(model)
    np.testing.assert_allclose(model.site_covariance, covariance, atol=1e-10 * covariance.max())
    np.testing.assert_allclose(model.chain_means(Run(0.1)), LangevinModel.chain_means(model, Run(0.1)), rtol=1e-9)


@each_shape
def test_the_state_rests_and_its_slope_is_the_linear_torus(shape):
    model = field(**shape)
    assert np.abs(model.drift(model.fixed_point[:, None], 0.0)).max() < 1e-12
    found = jacobian(lambda x: model.drift(x, 0.0), model.fixed_point)
    assert np.all(np.abs(found.matrix - model.linear_drift) <= found.error + 1e-12)
    linear = Linearised(model.linear_drift, model.noise_covariance, model.partition)
    names = [RATE, VARIANCE, "mutual_information", "transfer_entropy_rate", "information_flow"]
    theory = linear.theory(names)
    assert ("information_flow" in theory) == (model.noise_correlation == 0)
    for name, prediction in theory.items():
        # gains have 12 digits; differences of traces lose some
        assert model.theory([name])[name].value == pytest.approx(prediction.value, rel=1e-8)
        assert model.theory([name])[name].kind == "approximate"
    leading = np.linalg.eigvals(model.linear_drift).real.max()
    assert model.stability().leading_rate == pytest.approx(leading, rel=1e-9)


# --- the kernel


@pytest.mark.slow
@each_shape
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_the_kernel_makes_the_steps_of_its_scheme(shape, scheme):
    model, dt = field(**shape, scheme=scheme), 0.1
    x, n = trajectory(model, 3, dt=dt, n_lane=32).x, model.n_place
    rates = np.repeat([1 / model.excitatory_time, 1 / model.inhibitory_time], n)
    both = rates[:, None] + rates
    decayed = 2 * dt if scheme == "heun" else -2 * np.expm1(-both * dt) / both
    factor = model._noise_stages(model.discretisation(dt).noise).matrix()
    largest = model.noise_covariance.max()
    np.testing.assert_allclose(factor @ factor.T, decayed * model.noise_covariance, atol=1e-14 * largest)

    def towards(u):
        sent = np.concatenate(
            [
                model.function.value(u[:n], model.slope, model.threshold),
                model.function.value(u[n:], model.inhibitory_slope, model.inhibitory_threshold),
            ]
        )
        return model.weights @ sent + np.repeat([model.input, model.inhibitory_input], n)[:, None]

    reach = dt * rates[:, None]
    for step in range(3):
        normals = np.empty((model.n_dim + -model.n_dim % 4, 32))
        standard_normals(normals, np.uint64(1), 0, step, PURPOSE_STEP)
        noise, u = factor @ normals[: model.n_dim], x[step]
        if scheme == "heun":
            guess = u + reach * (towards(u) - u) + noise
            expected = u + reach / 2 * (towards(u) - u + towards(guess) - guess) + noise
        else:
            keep, ramp = np.exp(-reach), (reach - 1 + np.exp(-reach)) / reach
            guess = keep * u + (1 - keep) * towards(u) + noise
            expected = guess + ramp * (towards(guess) - towards(u))
        np.testing.assert_allclose(x[step + 1], expected, atol=1e-12 * (1 + np.abs(expected).max()))


@pytest.mark.slow
@each_shape
def test_the_kernel_sums_the_entropies_that_the_generic_model_does(shape):
    """LangevinModel knows nothing but drift and noise: the same force by another route, its divergence by differences."""
    model = field(**shape)
    x, scale = trajectory(model, 6, n_lane=16).x, np.linalg.cond(model.noise_covariance)
    np.testing.assert_allclose(model.path_entropy(x), trapezoids(model, x), atol=1e-12 * scale)
    generic = LangevinModel.local_entropy_rate(model, x)
    # differences over 2^-13: their remainder of 1e-8 f''', and rounding
    np.testing.assert_allclose(model.local_entropy_rate(x), generic, atol=1e-5 * scale)


# --- limits


@pytest.mark.slow
@pytest.mark.parametrize("length", [0.0, 0.6])
def test_populations_that_do_not_meet_produce_what_two_tori_do(length):
    shape = {"slope": 3.0, "threshold": 0.3, "input": 0.2, "inhibitory_slope": 2.0, "inhibitory_time": 0.5}
    shape |= {"excitatory_anisotropy": 1.1, "inhibitory_anisotropy": 0.8}
    shape |= {"excitatory_noise_length": length, "inhibitory_noise_length": length}
    model = field(**shape, weight_ei=0.0, weight_ie=0.0, weight_ee=0.9, weight_ii=0.7)
    shared = {"n_site": 4, "length": 3.0, "noise_correlation_length": length}
    excitatory = NonlinearTorus(
        **shared,
        kernel_width=0.8,
        anisotropy=1.1,
        coupling=0.9,
        slope=3.0,
        threshold=0.3,
        input=0.2,
        noise_strength=model.excitatory_noise,
    )
    inhibitory = NonlinearTorus(
        **shared,
        kernel_width=1.0,
        anisotropy=0.8,
        coupling=-0.7,
        slope=2.0,
        time_constant=0.5,
        noise_strength=model.inhibitory_noise,
    )
    alone = np.concatenate([excitatory.fixed_point, inhibitory.fixed_point])
    np.testing.assert_allclose(model.fixed_point, alone, atol=1e-12)
    assert model.theory([RATE])[RATE].value == pytest.approx(0.0, abs=1e-12)
    covariance = np.zeros((32, 32))
    covariance[:16, :16], covariance[16:, 16:] = excitatory.site_covariance, inhibitory.site_covariance
    np.testing.assert_allclose(model.site_covariance, covariance, atol=1e-11)  # gains have 12 digits
    x = trajectory(model, 10, n_lane=16).x
    halves = (excitatory, np.ascontiguousarray(x[:, :16])), (inhibitory, np.ascontiguousarray(x[:, 16:]))
    for ask in ("path_entropy", "local_entropy_rate"):
        expected = sum(getattr(one, ask)(half) for one, half in halves)
        np.testing.assert_allclose(getattr(model, ask)(x), expected, atol=1e-10)


def test_a_state_without_waves_along_y_is_driven_as_on_a_ring():
    """Gaussians are products: summed along y they are the ring's kernels, of the widths along x."""
    shape = {"threshold": 0.2, "inhibitory_threshold": -0.1, "inhibitory_time": 2.0, "n_site": 5, "length": 4.0}
    torus = field(**shape, excitatory_width=0.9, excitatory_anisotropy=0.9, inhibitory_anisotropy=1.2)
    ring = NonlinearExcitatoryInhibitoryField(**shape, excitatory_width=0.9 / 0.9**0.5, inhibitory_width=1.0 / 1.2**0.5)
    u = np.random.default_rng(3).normal(size=(2, 5, 7))
    along_x = np.repeat(u[:, :, None], 5, axis=2).reshape(50, 7)
    found = torus.drift(along_x, 0.0).reshape(2, 5, 5, 7)
    expected = ring.drift(u.reshape(10, 7), 0.0).reshape(2, 5, 1, 7)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-11)  # widths have 12 digits
    np.testing.assert_allclose(torus.homogeneous_state, ring.homogeneous_state, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_a_linear_transfer_function_gives_the_linear_torus(scheme):
    shape = {"noise_correlation": 0.4, "excitatory_noise_length": 0.6, "excitatory_anisotropy": 1.1}
    model = field(transfer="identity", slope=1.0, inhibitory_slope=0.8, scheme=scheme, **shape)
    theory = model.linearised.theory([RATE, VARIANCE])
    found = measured(model, dt=0.01, duration=50.0)
    # the schemes are off by (dt/tau)^2 of order one, 4e-4 of the values
    for name, exact in ((RATE, RATE), (EXTRAPOLATED, RATE), (VARIANCE, VARIANCE)):
        difference = abs(found[name].value - theory[exact].value)
        assert difference < 4 * found[name].standard_error + 1e-3 * theory[exact].value


# --- what is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"excitatory_width": 0.5}, r"excitatory_width = 0.5, expected >= 0.75 .*; raise n_site to 6"),
        (
            {"excitatory_noise_length": 1.2},
            r"expected <= 1.125 \[1.5 site spacings\]: the shortest waves need noise, too; lower n_site to 3",
        ),
        (
            {"transfer": "threshold_linear", "slope": 1.0, "weight_ee": 2.0, "weight_ei": 0.0, "input": 0.1},
            "weight_ee = 2.0, expected one with a homogeneous state; lower weights x slopes, or raise the inhibition",
        ),
        ({"transfer": "-tanh(u)"}, r"expected one that grows at the homogeneous state, found slopes -"),
    ],
)
def test_what_has_no_state_or_no_force_is_refused_with_a_remedy(parameters, message):
    with pytest.raises(ParameterError, match=message):
        field(**parameters)


def test_a_step_that_grows_is_an_error_and_no_number():
    with pytest.raises(ValueError, match=r"step: grows by .*, expected below 1; lower dt"):
        field(inhibitory_time=0.05).chain_means(Run(0.5))
