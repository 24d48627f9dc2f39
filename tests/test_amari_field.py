"""The linear field on a ring: published reference values, limits, symmetries, and the route through the sites."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.model import ParameterError
from nessmap.models.amari_field import AmariField
from nessmap.models.linear import LinearModel
from nessmap.theory import gaussian

ORACLES = json.loads((Path(__file__).parent / "oracles" / "amari.json").read_text())["cases"]
DIGITS = 1e-9  # relative: the precision to which the reference values were checked


def field_of(case, **changes):
    """The model of a reference case; kernel integral .8 in all of them, gain g."""
    p = case["params"]
    shifted = "shift=.5" in p["label"]
    parameters = {
        "coupling": 0.8 * p["g"],
        "kernel_width": 0.7 if "sigma=.7" in p["label"] else 0.5,
        "shift": 0.5 if shifted else 0.0,
        "n_site": p["N"],
        "length": p["L"],
        "noise_strength": p["D"],
        "noise_correlation_length": p["xi"],
        "time_constant": p["tau"],
    }
    return AmariField(**{**parameters, **changes})


@pytest.mark.parametrize("name", ["C01", "C03", "C04"])
def test_reference_values_of_the_ring(name):
    values = ORACLES[name]["values"]
    model = field_of(ORACLES[name])
    theory = model.theory()
    # absolute 1e-12: the reference for C01's rate is 1e-30, rounding of a cancellation that ours does not have
    assert theory["entropy_production_rate"].value == pytest.approx(values["epr"], rel=DIGITS, abs=1e-12)
    assert theory["site_variance"].value == pytest.approx(values["var_u"], rel=DIGITS)
    assert theory["structure_factor"].value[:2] == pytest.approx([values["S_k0"], values["S_k1"]], rel=DIGITS)
    assert -model.stability().leading_rate == pytest.approx(values["min_gamma"], rel=DIGITS)
    variance_rate = gaussian.entropy_production_variance_rate(model.linear_drift, model.linear_diffusion)
    assert variance_rate == pytest.approx(values["V_rate"], rel=DIGITS, abs=1e-12)
    assert gaussian.differential_entropy(model.stationary_covariance) == pytest.approx(values["shannon"], rel=DIGITS)
    expected = model.path_entropy_production_rate(values["sim_dt"])
    assert expected == pytest.approx(values["sim_expected_at_dt"], rel=DIGITS, abs=1e-12)


@pytest.mark.parametrize("n_site", [16, 32, 64, 128])
def test_reference_values_under_refinement_of_the_grid(n_site):
    values = ORACLES["C03u"]["values"]
    model = field_of(ORACLES["C03"], n_site=n_site)
    assert model.theory(["entropy_production_rate"])["entropy_production_rate"].value == pytest.approx(
        values[f"epr_N{n_site}"], rel=DIGITS
    )
    assert model.theory(["site_variance"])["site_variance"].value == pytest.approx(
        values[f"var_u_N{n_site}"], rel=DIGITS
    )
    assert -np.trace(model.linear_drift) == pytest.approx(values[f"trA_N{n_site}"], rel=DIGITS)


def test_reference_mutual_information_between_halves():
    information = field_of(ORACLES["C03"]).theory(["mutual_information"])["mutual_information"].value
    assert information == pytest.approx(ORACLES["C19"]["values"]["MI"], rel=DIGITS)


@pytest.mark.parametrize(("distance", "key"), [(0.1, "epr_fac0.1"), (0.01, "epr_fac0.01")])
def test_reference_rate_stays_finite_at_a_uniform_instability(distance, key):
    model = AmariField(coupling=1 - distance, kernel_width=0.9, shift=0.4, n_site=64, length=10.0)
    assert model.stability().kind == "uniform"
    assert model.theory(["entropy_production_rate"])["entropy_production_rate"].value == pytest.approx(
        ORACLES["C36"]["values"][key], rel=DIGITS
    )


SHIFTED_HAT = {
    "kernel": "difference_of_gaussians",
    "kernel_width": 0.6,
    "inhibition_width": 1.2,
    "inhibition": 0.75,
    "n_site": 256,
    "length": 32.0,
}


def test_reference_values_of_the_travelling_instability():
    """Excitation 2, inhibition 1.5: `coupling` is twice the reference's gain."""
    values = ORACLES["C34"]["values"]
    critical = 2 * values["g_c"]
    at_threshold = AmariField(coupling=critical, shift=0.3, **SHIFTED_HAT)
    stability = at_threshold.stability()
    assert stability.leading_rate == pytest.approx(0.0, abs=1e-11)  # parameters have 12 digits
    assert stability.kind == "travelling"
    assert stability.wavenumber == pytest.approx(values["k_star"], rel=DIGITS)
    for distance, key in ((0.9, "epr_0p9gc"), (0.99, "epr_0p99gc"), (0.999, "epr_0p999gc")):
        rate = (
            AmariField(coupling=distance * critical, shift=0.3, **SHIFTED_HAT)
            .theory(["entropy_production_rate"])["entropy_production_rate"]
            .value
        )
        # the 12 digits of the coupling leave gamma* = 1 - g/g_c with 1e-12 / (1 - g/g_c)
        assert rate == pytest.approx(values[key], rel=max(DIGITS, 1e-11 / (1 - distance)))
    symmetric = AmariField(coupling=2 * values["symmetric_g_c"], **SHIFTED_HAT).stability()
    assert (symmetric.kind, symmetric.leading_rate) == ("Turing", pytest.approx(0.0, abs=1e-11))
    assert symmetric.wavenumber == pytest.approx(values["symmetric_k_star"], rel=DIGITS)


@pytest.mark.parametrize("n_site", [64, 256, 1024])
def test_reference_values_of_the_one_sided_exponential_kernel(n_site):
    values = ORACLES["C09"]["values"]
    model = AmariField(kernel="one_sided_exponential", coupling=0.72, kernel_width=0.5, length=6.0, n_site=n_site)
    assert model.theory(["entropy_production_rate"])["entropy_production_rate"].value == pytest.approx(
        values[f"epr_N{n_site}"], rel=DIGITS
    )


def test_a_shift_by_whole_sites_moves_a_jump_without_changing_its_weight():
    """The half weight at the jump must survive rounding of j dx - s: 0.3 - 0.3 is not 0 in binary."""
    rates = [
        AmariField(kernel="one_sided_exponential", coupling=0.8, shift=k / 10, n_site=50, length=5.0)
        .stability()
        .leading_rate
        for k in range(8)
    ]
    np.testing.assert_allclose(rates, rates[0], rtol=1e-12)


def test_a_whole_turn_is_no_shift():
    one, other = (AmariField(shift=shift).theory() for shift in (0.5, 12.5))
    assert one["entropy_production_rate"].value == pytest.approx(other["entropy_production_rate"].value, rel=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"inhibition_width": 2.0},
            "amari_field: inhibition_width = 2.0, expected nothing: kernel = gaussian does not use it; "
            "leave it out, or choose kernel: difference_of_gaussians",
        ),
        (
            {"kernel": "sampled", "kernel_values": [[0.0] * 64] * 2},
            "amari_field: kernel_values has 2 rows of 64 values, expected one of n_site = 64; give the values from site 0 on",
        ),
        (
            {"noise_correlation_length": 0.05},
            "amari_field: noise_correlation_length = 0.05, expected 0 (white) or >= 0.09375 [half the site spacing "
            "length / n_site]; raise n_site to 120",
        ),
    ],
)
def test_what_would_be_silently_ignored_or_distorted_is_refused(parameters, message):
    with pytest.raises(ParameterError) as caught:
        AmariField(**parameters)
    assert str(caught.value) == message


CONTINUUM = {
    "gaussian": lambda k, w: np.exp(-((k * w) ** 2) / 2),
    "exponential": lambda k, w: 1 / (1 + (k * w) ** 2),
    "difference_of_gaussians": lambda k, w: np.exp(-((k * w) ** 2) / 2) - 0.5 * np.exp(-((k * 1.4) ** 2) / 2),
    "wizard_hat": lambda k, w: (k * w) ** 2 / (1 + (k * w) ** 2) ** 2,
    "damped_oscillation": lambda k, w: (
        (1 + 0.4**2) ** 2 / ((0.4**2 + 1) ** 2 + 2 * (0.4**2 - 1) * (k * w) ** 2 + (k * w) ** 4)
    ),
    "one_sided_exponential": lambda k, w: 1 / (1 + 1j * k * w),
}


@pytest.mark.parametrize("kernel", CONTINUUM)
def test_transform_of_each_kernel_tends_to_the_continuum_as_the_grid_is_refined(kernel):
    """Aliases vanish exponentially for smooth kernels; a jump h of the p-th derivative costs h dx^(p+1) |B_(p+1)| / (p+1)!.

    Euler and Maclaurin, with the largest values of the Bernoulli polynomials: dx/2, dx^2/12, dx^4/720 for p = 0, 1, 3.
    """

    def error(n_site):
        model = AmariField(kernel=kernel, coupling=0.5, shift=0.3, n_site=n_site, length=12.0)
        k = model.modes.wavenumber[:8]
        expected = 0.5 * CONTINUUM[kernel](k, 0.7) * np.exp(-1j * k * 0.3)
        found = 1 - (model.modes.decay + 1j * model.modes.rotation)[:8]
        return np.abs(found - expected).max()

    jumps = {  # kernel: (p, height of the jump of its p-th derivative) at coupling 0.5, width 0.7
        "one_sided_exponential": (0, 0.5 / 0.7),
        "exponential": (1, 0.5 / 0.7**2),
        "wizard_hat": (1, 0.5 / 0.7**2),
        "damped_oscillation": (3, 0.5 * (1 + 0.4**2) ** 2 / 0.7**4),
    }
    largest = {0: 1 / 2, 1: 1 / 12, 3: 1 / 720}
    for n_site in (512, 1024, 2048):
        p, height = jumps.get(kernel, (0, 0.0))
        bound = height * (12 / n_site) ** (p + 1) * largest[p]
        # the next term of the series is below 1 % of this one at k dx < 0.1; 1e-14 is rounding of the transform
        assert error(n_site) < 1.01 * bound + 1e-14


@pytest.mark.parametrize("kernel", [name for name in CONTINUUM if name != "one_sided_exponential"])
def test_every_even_kernel_is_at_equilibrium_exactly(kernel):
    assert (
        AmariField(kernel=kernel, coupling=0.4).theory(["entropy_production_rate"])["entropy_production_rate"].value
        == 0.0
    )


def test_a_sampled_kernel_and_noise_stand_for_their_functions():
    named = AmariField(kernel="exponential", shift=0.4, noise_correlation_length=0.6, n_site=32)
    covariance = np.fft.irfft(named.modes.diffusion / named.noise_strength, n=32)
    covariance = (covariance + np.roll(covariance[::-1], 1)) / 2
    sampled = AmariField(
        kernel="sampled",
        kernel_values=[named.kernel_at_sites().tolist()],
        noise="sampled",
        noise_values=[covariance.tolist()],
        n_site=32,
    )
    for name, prediction in named.theory().items():
        np.testing.assert_allclose(
            sampled.theory([name])[name].value, prediction.value, rtol=1e-9
        )  # rounding to 12 digits


SHAPES = {
    "n_site": st.integers(5, 24),
    "coupling": st.floats(-2.0, 0.95),
    "shift": st.floats(-3.0, 3.0),
    "kernel_width": st.floats(2.0, 4.0),
    "noise_correlation_length": st.sampled_from([0.0, 0.8, 2.0]),
    "noise": st.sampled_from(["exponential", "gaussian"]),
    "time_constant": st.floats(0.2, 3.0),
}
FIELDS = st.fixed_dictionaries(SHAPES).map(lambda p: AmariField(length=8.0, **p))


def periodic(function, distance, length, n_image=60):
    return sum(function(distance + image * length) for image in range(-n_image, n_image + 1))


def site_matrices(model):
    """A and D in site coordinates, by summing periodic images in space: no Fourier transform anywhere."""
    n, dx, tau, xi = model.n_site, model.spacing, model.time_constant, model.noise_correlation_length
    distance = (np.arange(n)[:, None] - np.arange(n)[None, :]) * dx
    width = model.kernel_width

    def kernel(x):
        return np.exp(-((x - model.shift) ** 2) / (2 * width**2)) / np.sqrt(2 * np.pi) / width

    def correlation(x):
        if model.noise == "exponential":
            return np.exp(-np.abs(x) / xi) / (2 * xi)
        return np.exp(-(x**2) / (2 * xi**2)) / np.sqrt(2 * np.pi) / xi

    drift = (-np.eye(n) + model.coupling * dx * periodic(kernel, distance, model.length)) / tau
    shape = np.eye(n) / dx if xi == 0 else periodic(correlation, distance, model.length)
    return drift, model.noise_strength * shape / tau**2


@settings(max_examples=60, deadline=None)
@given(FIELDS)
def test_fourier_coordinates_are_an_orthogonal_turn_of_the_sites(model):
    basis = model.to_sites(np.eye(model.n_site))
    np.testing.assert_allclose(basis.T @ basis, np.eye(model.n_site), atol=1e-13)
    drift, diffusion = site_matrices(model)
    # images of the exponential beyond 60 rings and rounding of 121 terms
    np.testing.assert_allclose(basis @ model.linear_drift @ basis.T, drift, atol=1e-12 / model.time_constant)
    scale = np.abs(diffusion).max()
    np.testing.assert_allclose(basis @ model.linear_diffusion @ basis.T, diffusion, atol=1e-12 * scale)


@settings(max_examples=60, deadline=None)
@given(FIELDS)
def test_mode_sums_agree_with_the_matrix_theory(model):
    spread = model.power.max() / model.power.min()
    general = LinearModel.predictions(model)
    own = ("entropy_production_rate", "entropy_production_bound", "site_variance")
    for name, prediction in model.theory(own).items():
        assert prediction.value == pytest.approx(general[name](), rel=1e-9, abs=1e-12)
    # the matrix route takes rotations below 16 units of rounding of A for none; weights divide them by the noise
    size = np.abs(model.linear_drift).max()
    rounding = 32 * np.finfo(float).eps * size / model.modes.diffusion.min()
    np.testing.assert_allclose(
        model.local_mean_weights, LinearModel.local_mean_weights.func(model), rtol=1e-9, atol=rounding * size
    )
    np.testing.assert_allclose(model.path_weights, LinearModel.path_weights.func(model), rtol=1e-9, atol=rounding)
    assert model.path_entropy_production_rate(0.1) == pytest.approx(
        LinearModel.path_entropy_production_rate(model, 0.1), rel=1e-9, abs=1e-12
    )
    # the spread of the spectrum costs digits of a determinant
    if spread < 1e8:
        basis = model.to_sites(np.eye(model.n_site))
        sides = [list(side) for side in model.partition.values()]
        information = gaussian.mutual_information(basis @ model.stationary_covariance @ basis.T, *sides)
        assert model.theory(["mutual_information"])["mutual_information"].value == pytest.approx(
            information, rel=1e-6, abs=1e-15 * spread
        )


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries(SHAPES), st.sampled_from([0.0, 0.8, 2.0]), st.floats(0.1, 10.0))
def test_entropy_production_does_not_depend_on_the_noise(shape, correlation, strength):
    """A theorem: drift and diffusion of a homogeneous field commute."""
    one = AmariField(length=8.0, **shape)
    other = AmariField(length=8.0, **{**shape, "noise_correlation_length": correlation, "noise_strength": strength})
    assert (
        one.theory(["entropy_production_rate"])["entropy_production_rate"].value
        == other.theory(["entropy_production_rate"])["entropy_production_rate"].value
    )


@settings(max_examples=60, deadline=None)
@given(FIELDS)
def test_reflection_leaves_entropy_production_and_information_unchanged(model):
    parameters = {name: getattr(model, name) for name in model.parameters()}
    mirrored = AmariField(**{**parameters, "shift": -model.shift})
    names = ("entropy_production_rate", "entropy_production_per_mode", "structure_factor", "mutual_information")
    for name, prediction in model.theory(names).items():
        digits = 1e-9 + 64 * np.finfo(float).eps * model.power.max() / model.power.min()  # of a determinant
        np.testing.assert_allclose(mirrored.theory([name])[name].value, prediction.value, rtol=digits, atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(FIELDS)
def test_entropy_production_obeys_the_second_law_and_vanishes_without_shift(model):
    assert model.theory(["entropy_production_rate"])["entropy_production_rate"].value >= 0
    parameters = {name: getattr(model, name) for name in model.parameters()}
    symmetric = AmariField(**{**parameters, "shift": 0.0})
    assert (
        symmetric.theory(["entropy_production_rate"])["entropy_production_rate"].value == 0.0
    )  # exactly: no cancellation is left
    assert not symmetric.local_mean_weights.any()
    assert not symmetric.path_weights.any()


def test_weak_coupling_law():
    """EPR -> g^2 (L / tau) Int w_odd^2 dx; the next order is relatively g max |w_k| <= g."""
    g, width, shift, length, tau = 1e-4, 0.7, 0.5, 12.0, 2.0
    model = AmariField(coupling=g, kernel_width=width, shift=shift, length=length, n_site=96, time_constant=tau)
    # Int w_odd^2 = (1/2) [Int w^2 - Int w(x) w(-x)] of a Gaussian
    odd_square = (1 - np.exp(-(shift**2) / width**2)) / (4 * np.sqrt(np.pi) * width)
    assert model.theory(["entropy_production_rate"])["entropy_production_rate"].value == pytest.approx(
        g**2 * length / tau * odd_square, rel=2 * g
    )


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [({"coupling": 1.5}, "uniform"), ({"coupling": -3.0}, "Turing"), ({"coupling": -3.0, "shift": 3.0}, "travelling")],
)
def test_stability_names_the_first_instability(parameters, kind):
    # shift by a half wavelength turns inhibition at k = pi / shift into excitation that moves
    model = AmariField(kernel_width=0.7, n_site=64, length=11.0, **parameters)
    stability = model.stability()
    eigenvalues = np.linalg.eigvals(model.linear_drift)
    assert stability.leading_rate == pytest.approx(eigenvalues.real.max(), rel=1e-9)
    assert stability.kind == kind


def test_threshold_of_a_positive_kernel_is_at_coupling_one():
    assert AmariField(coupling=1.0, shift=0.4).stability().leading_rate == pytest.approx(0.0, abs=1e-14)


def test_a_kernel_narrower_than_the_grid_is_refused_with_a_remedy():
    with pytest.raises(ParameterError) as caught:
        AmariField(kernel_width=0.02, n_site=64, length=6.25)
    assert str(caught.value) == (
        "amari_field: kernel_width = 0.02, expected >= 0.09766 [site spacing length / n_site]; raise n_site to 313"
    )


def test_smooth_noise_gives_no_mutual_information_rather_than_a_wrong_one():
    smooth = AmariField(noise="gaussian", noise_correlation_length=1.5, n_site=64, length=12.0)
    assert np.isnan(smooth.theory(["mutual_information"])["mutual_information"].value)
