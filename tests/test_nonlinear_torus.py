"""The nonlinear field on a torus: transforms against dense matrices, its steps in plain numpy, equilibria, weak noise."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.model import ParameterError
from nessmap.models.langevin import LangevinModel
from nessmap.models.neural_field import NeuralField
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.models.nonlinear_torus import NonlinearTorus
from sampling import estimates, group_means, trajectory, trapezoids

RATE, PATH, VARIANCE = "entropy_production_rate", "entropy_production_rate_path", "site_variance"
EXTRAPOLATED = "entropy_production_rate_extrapolated"
NAMES = (RATE, PATH, EXTRAPOLATED, VARIANCE)
SMALL = {"n_site": 4, "length": 3.0, "kernel_width": 0.9}
SHAPES = [
    {"transfer": "logistic", "slope": 4.0, "coupling": 0.8, "threshold": 0.3},
    {
        "transfer": "tanh",
        "slope": 1.5,
        "coupling": 0.5,
        "threshold": 0.2,
        "input": 0.3,
        "shift": 0.4,
        "anisotropy": 1.3,
    },
    {"kernel": "exponential", "shift": -0.7, "coupling": 1.2, "noise_correlation_length": 0.8, "n_site": 5},
    {"kernel": "difference_of_gaussians", "anisotropy": 0.8, "threshold": 0.2, "time_constant": 0.5},
]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=["white", "shifted", "correlated", "hat"])


def measured(model, *, dt=0.05, duration=100.0, n_lane=256, key=1):
    means = group_means(
        model, dt=dt, duration=duration, n_lane=n_lane, key=key, statistics=("path_entropy", "site_moments")
    )
    return estimates(model, means, dt, NAMES)


# --- matrices between sites


@each_shape
def test_what_transforms_make_is_what_dense_matrices_make(shape):
    model = NonlinearTorus(**{**SMALL, **shape})
    n = model.n_site
    x, y = (index.ravel() for index in np.indices((n, n)))
    kernel = model.kernel_at_sites()
    expected = [
        [model.coupling * model.spacing**2 * kernel[(p - r) % n, (q - s) % n] for r, s in zip(x, y, strict=True)]
        for p, q in zip(x, y, strict=True)
    ]
    np.testing.assert_array_equal(model.weights, expected)
    np.testing.assert_allclose(
        model.linear_drift, model.linearised.sided_system()[0], atol=1e-11
    )  # 12 digits of coupling
    np.testing.assert_allclose(model.noise_covariance, model.linearised.sided_system()[1], atol=1e-15)
    inverse = np.linalg.inv(model.noise_covariance)
    digits = 1e-14 * np.linalg.cond(model.noise_covariance)
    np.testing.assert_allclose(model._inverse_noise, inverse, atol=digits * np.abs(inverse).max())
    for name in ("bending_force", "circulating_force"):
        dense = getattr(NeuralField, name).func(model)
        np.testing.assert_allclose(getattr(model, name), dense, atol=digits * np.abs(inverse).max())
    dense = LangevinModel.site_covariance.func(model)
    np.testing.assert_allclose(model.site_covariance, dense, atol=1e-11 * dense.max())


@each_shape
def test_a_start_has_the_law_of_the_linear_field(shape):
    model = NonlinearTorus(**{**SMALL, **shape})
    root = model.stationary_sample(np.eye(model.n_dim)) - model.fixed_point[:, None]
    np.testing.assert_allclose(root @ root.T, model.site_covariance, atol=1e-13 * model.site_covariance.max())


@pytest.mark.slow
@each_shape
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_the_kernel_makes_the_steps_of_its_scheme(shape, scheme):
    model, dt = NonlinearTorus(**{**SMALL, **shape}, scheme=scheme), 0.05
    x, reach = trajectory(model, 4, dt=dt, n_lane=32).x, 0.05 / model.time_constant
    factor = model._noise_stages(model.discretisation(dt).noise).matrix()
    strength = 2 * dt if scheme == "heun" else -np.expm1(-2 * reach) * model.time_constant
    np.testing.assert_allclose(factor @ factor.T, strength * model.noise_covariance, atol=1e-14)

    def towards(u):
        response = model.function.value(u, model.slope, model.threshold)
        return model.weights @ response + model.input

    for n in range(4):
        normals = np.empty((model.n_dim, 32))
        standard_normals(normals, np.uint64(1), 0, n, PURPOSE_STEP)
        noise, u = factor @ normals, x[n]
        if scheme == "heun":
            guess = u + reach * (towards(u) - u) + noise
            expected = u + reach / 2 * (towards(u) - u + towards(guess) - guess) + noise
        else:
            keep, ramp = np.exp(-reach), (reach - 1 + np.exp(-reach)) / reach
            guess = keep * u + (1 - keep) * towards(u) + noise
            expected = guess + ramp * (towards(guess) - towards(u))
        np.testing.assert_allclose(x[n + 1], expected, atol=1e-13 * (1 + np.abs(expected).max()))


@pytest.mark.slow
@each_shape
def test_the_kernel_sums_the_entropies_that_the_generic_model_does(shape):
    """LangevinModel knows nothing but drift and noise: the same force by another route, its divergence by differences."""
    model = NonlinearTorus(**{**SMALL, **shape})
    x = trajectory(model, 10, n_lane=16).x
    scale = np.linalg.cond(model.noise_covariance)
    np.testing.assert_allclose(model.path_entropy(x), trapezoids(model, x), atol=1e-12 * scale)
    generic = LangevinModel.local_entropy_rate(model, x)
    # differences over 2^-13: their remainder of 1e-8 f''', and rounding
    np.testing.assert_allclose(model.local_entropy_rate(x), generic, atol=1e-6 * scale)


# --- symmetries and limits of the theory


def along_x_alone(ring, strength):
    """A torus of independent rings: the kernel along x does not reach the next column."""
    values = np.zeros((ring.n_site, ring.n_site))
    values[:, 0] = ring.kernel_at_sites() / ring.spacing
    shared = {name: getattr(ring, name) for name in ("n_site", "length", "coupling", "transfer", "slope", "threshold")}
    return NonlinearTorus(
        **shared, kernel="sampled", kernel_values=values.tolist(), noise_strength=strength * ring.spacing
    )


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_rings_that_do_not_meet_produce_what_a_ring_does_times_their_number(shift):
    shape = {"n_site": 8, "kernel_width": 0.8, "coupling": 1.2, "threshold": 0.3, "slope": 3.0}
    ring = NonlinearField(**shape, length=5.0, shift=shift, noise_strength=0.05)
    torus = along_x_alone(ring, 0.05)
    ours, theirs = (model.theory([RATE, VARIANCE]) for model in (torus, ring))
    # a sampled kernel has 12 digits
    assert ours[RATE].value == pytest.approx(8 * theirs[RATE].value, rel=1e-9)
    assert ours[VARIANCE].value == pytest.approx(theirs[VARIANCE].value, rel=1e-9)
    # and on the same paths: column j of the torus as a ring
    x = trajectory(torus, 6, n_lane=16).x
    columns = [np.ascontiguousarray(x.reshape(7, 8, 8, 16)[:, :, j]) for j in range(8)]
    for ask in ("path_entropy", "local_entropy_rate"):
        expected = sum(getattr(ring, ask)(column) for column in columns)
        np.testing.assert_allclose(getattr(torus, ask)(x), expected, atol=1e-9 * (1 + np.abs(expected).max()))


@settings(max_examples=10, deadline=None)
@given(st.floats(0.6, 1.7), st.sampled_from(["gaussian", "exponential"]), st.integers(4, 6))
def test_an_even_kernel_has_no_circulation_however_anisotropic(anisotropy, kernel, n_site):
    shape = {"kernel": kernel, "n_site": n_site, "length": 3.0, "kernel_width": 1.0, "threshold": 0.3}
    model = NonlinearTorus(**shape, anisotropy=anisotropy)
    assert not model.circulating_force.any()
    law = model.theory([RATE])[RATE]
    assert law.kind == "approximate"
    assert "weak-noise" in law.source
    assert law.value > 0
    # x and y exchanged; the noise knows no direction
    turned = NonlinearTorus(**shape, anisotropy=1 / anisotropy).theory([RATE])[RATE]
    assert turned.value == pytest.approx(law.value, rel=1e-9)


def test_a_shift_to_either_side_is_the_same_and_drives_what_the_linear_field_says():
    model, other = (NonlinearTorus(**SMALL, shift=shift, anisotropy=1.2, threshold=0.3) for shift in (0.4, -0.4))
    ours, theirs = (m.theory([RATE])[RATE] for m in (model, other))
    assert ours.value == pytest.approx(theirs.value, rel=1e-12)
    assert ours.value == model.linearised.theory([RATE])[RATE].value > 0


def test_the_law_is_that_of_the_matrices():
    """Mode sums against dense matrices at the sites, correlated noise."""
    from nessmap.theory.weak_noise import reversible_state_rate

    model = NonlinearTorus(
        n_site=3,
        length=3.0,
        kernel_width=1.1,
        anisotropy=1.1,
        threshold=0.3,
        noise_correlation_length=0.8,
        time_constant=2.0,
    )
    curvature = float(model.function.curvature(model.fixed_point[0], model.slope, model.threshold))
    same = np.eye(9)
    second = curvature / 2.0 * np.einsum("ij,jk,jl->ikl", model.weights, same, same)
    expected = reversible_state_rate(model.linear_drift, second, model.noise_covariance)
    assert model.theory([RATE])[RATE].value == pytest.approx(expected, rel=1e-10)


# --- equilibria


def matched(wrong=0.0):
    """Noise in proportion to the kernel; one pair of its modes may be wrong by a share."""
    named = NonlinearTorus(n_site=4, length=3.0, kernel="exponential", kernel_width=0.8, anisotropy=1.1)
    kernel = named.kernel_at_sites()
    spectrum = np.fft.fft2(kernel).real
    spectrum[1, 0] *= 1 + wrong
    spectrum[3, 0] *= 1 + wrong
    noise = np.fft.ifft2(spectrum).real
    noise = (noise + np.roll(noise[::-1, ::-1], (1, 1), axis=(0, 1))) / 2
    even = NonlinearTorus(n_site=4, length=3.0, kernel="sampled", kernel_values=kernel.tolist())
    return dataclasses.replace(
        even,
        noise="sampled",
        noise_values=noise.tolist(),
        slope=3.0,
        coupling=1.3,
        threshold=0.4,
        input=-0.276,
        noise_strength=0.5,
    )


def test_noise_in_proportion_to_the_kernel_leaves_no_force_that_is_no_gradient():
    model, off = matched(), matched(0.02)
    assert not model.circulating_force.any()
    assert np.abs(model.bending_force).max() < 1e-9 * np.abs(off.bending_force).max() + 1e-10  # 12 digits of the values
    assert model.theory([RATE])[RATE].value < 1e-18
    assert off.theory([RATE])[RATE].value > 1e-8


# --- simulations


class SlightlyWrong(NonlinearTorus):
    """Its steps have a tenth too much noise in one of the waves along x."""

    def _noise_stages(self, covariance):
        wave = wave_along_x(self)
        return super()._noise_stages(covariance + 0.1 * (wave @ covariance @ wave) * homogeneous(wave, self.n_site))


def wave_along_x(model):
    """The cosine of the longest wave along x at the sites, of length 1."""
    wave = np.repeat(np.cos(2 * np.pi * np.arange(model.n_site) / model.n_site), model.n_site)
    return wave / np.linalg.norm(wave)


def homogeneous(wave, n_site):
    """The projector on a wave and the one a quarter period apart."""
    other = np.roll(wave, n_site * n_site // 4)
    return np.outer(wave, wave) + np.outer(other, other)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [NonlinearTorus, SlightlyWrong])
def test_at_equilibrium_every_wave_does_work_one_against_the_force_and_slightly_wrong_noise_does_not(kind):
    """<x.e (D^-1 F).e> = -1 for a unit vector e, by parts, where p ~ exp(Int D^-1 F): noise in proportion to the kernel."""
    balanced = matched()
    model = kind(**{name: getattr(balanced, name) for name in balanced.parameters()})
    x = np.moveaxis(trajectory(model, 2000, dt=0.05, n_lane=512).x[::20], 1, 0)
    wave = wave_along_x(model)
    pushed = np.tensordot(wave @ np.linalg.inv(model.noise_covariance), model.drift(x, 0.0), axes=1)
    work = (np.tensordot(wave, x - model.fixed_point[:, None, None], axes=1) * pushed).mean(axis=0)
    mean, error = work.mean(), work.std(ddof=1) / np.sqrt(512)
    if kind is NonlinearTorus:
        assert abs(mean + 1) < 4 * error + 0.05**2  # weak order two, rates below 1.1
    else:
        assert mean + 1 < -6 * error


@pytest.mark.slow
def test_noise_in_proportion_to_the_kernel_produces_no_entropy_and_other_noise_does():
    found, driven = measured(matched(), duration=50.0), measured(matched(1.0), duration=1500.0)
    for name in (RATE, PATH):
        assert abs(found[name].value) < 4 * found[name].standard_error + 1e-12
    assert driven[PATH].value > 6 * driven[PATH].standard_error
    assert abs(driven[RATE].value - driven[PATH].value) < 4 * driven[RATE].standard_error + 0.06 * driven[PATH].value


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["heun", "exponential"])
def test_a_linear_transfer_function_gives_the_linear_torus(scheme):
    model = NonlinearTorus(
        **SMALL, transfer="identity", slope=1.0, coupling=0.6, shift=0.5, anisotropy=1.2, scheme=scheme
    )
    theory = model.linearised.theory([RATE, VARIANCE])
    found, sampled = measured(model, dt=0.02), model.linearised.path_entropy_production_rate(0.02)
    for name in (RATE, VARIANCE):
        assert abs(found[name].value - theory[name].value) < 4 * found[name].standard_error
    # the mean of the path sum at this dt; the scheme is off it by the square of gamma dt, at most 0.0004
    assert abs(found[PATH].value - sampled) < 4 * found[PATH].standard_error


@pytest.mark.slow
def test_the_law_of_weak_noise_is_the_limit_of_what_is_measured():
    """Measured over law is 1 + c D: extrapolated from two strengths it is 1, but for the square of what was taken off."""
    shape = {"n_site": 5, "length": 3.5, "kernel_width": 0.8, "anisotropy": 1.2}
    shape |= {"slope": 4.0, "coupling": 1.5, "threshold": 0.5, "input": -0.18}
    ratios, errors = [], []
    for strength, duration in ((0.004, 800.0), (0.001, 2500.0)):
        model = NonlinearTorus(**shape, noise_strength=strength)
        law, found = model.theory([RATE])[RATE].value, measured(model, duration=duration)[EXTRAPOLATED]
        ratios.append(found.value / law)
        errors.append(found.standard_error / law)
    limit, error = (4 * ratios[1] - ratios[0]) / 3, np.hypot(4 * errors[1], errors[0]) / 3
    assert abs(limit - 1) < 4 * error + (1 - ratios[0]) ** 2
    assert error < 0.08


# --- what is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"noise_correlation_length": 1.2},
            r"noise_correlation_length = 1.2, expected <= 0.75 \[1.5 site spacings\]: .*; lower n_site to 5",
        ),
        (
            {"n_site": 3, "length": 2.1, "noise": "sampled", "noise_values": np.full((3, 3), 1.0) + 1e-11 * np.eye(3)},
            "expected C.-r. = C.r. with a positive discrete transform",
        ),
        ({"anisotropy": 3.0}, r"kernel_width = 0.7, expected >= 0.866 .*; raise n_site to 10"),
        (
            {"transfer": "identity", "slope": 2.0, "coupling": 0.5, "input": 0.1, "n_site": 12},
            "with a homogeneous state",
        ),
        ({"transfer": "sigmoid"}, "transfer = 'sigmoid', expected a transfer function"),
    ],
)
def test_what_has_no_state_or_no_force_is_refused_with_a_remedy(parameters, message):
    with pytest.raises(ParameterError, match=message):
        NonlinearTorus(**parameters)


def test_noise_that_leaves_a_mode_almost_silent_is_refused():
    spectrum = np.ones((4, 4))
    spectrum[2, 2] = 1e-11
    with pytest.raises(ParameterError, match="expected a lowest transform above 1e-10 of the highest"):
        NonlinearTorus(**SMALL, noise="sampled", noise_values=np.fft.ifft2(spectrum).real.tolist())
