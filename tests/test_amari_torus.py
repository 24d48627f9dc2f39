"""The linear field on a torus: its turn to Fourier coordinates, the route by matrices, and what direction has to do with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.model import ParameterError, Start
from nessmap.models.amari_field import AmariField
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.linear import LinearModel
from nessmap.theory import gaussian

EXAMPLES = settings(max_examples=25, deadline=None)
TORI = st.fixed_dictionaries(
    {
        "n_site": st.integers(3, 6),
        "coupling": st.floats(-1.5, 0.9),
        "shift": st.floats(-2.5, 2.5),
        "anisotropy": st.sampled_from([0.85, 1.0, 1.2]),
        "noise_correlation_length": st.sampled_from([0.0, 0.7]),
        "kernel": st.sampled_from(["gaussian", "exponential"]),
        "time_constant": st.floats(0.3, 3.0),
    }
).map(lambda p: AmariTorus(length=3.0, kernel_width=1.1, **p))


def value(model, name):
    return model.theory([name])[name].value


def rate(model):
    return value(model, "entropy_production_rate")


def site_matrices(model):
    """A and D at the sites, by summing periodic images in space: no Fourier transform anywhere."""
    n, length, dx, width = model.n_site, model.length, model.spacing, model.kernel_width
    i, j = (index.ravel() for index in np.indices((n, n)))
    images = length * np.arange(-25, 26)

    def periodic(profile, shift, anisotropy=1.0):
        along = (dx * np.arange(n)[:, None] - shift + images) * np.sqrt(anisotropy)
        across = (dx * np.arange(n)[:, None] + images) / np.sqrt(anisotropy)
        values = profile(np.hypot(along[:, None, :, None], across[None, :, None, :])).sum(axis=(2, 3))
        return values[i[:, None] - i, j[:, None] - j]  # a negative index is a site of the next period

    shapes = {
        "gaussian": lambda r, w: np.exp(-0.5 * (r / w) ** 2) / (2 * np.pi * w**2),
        "exponential": lambda r, w: np.exp(-r / w) / (2 * np.pi * w**2),
    }
    kernel = periodic(lambda r: shapes[model.kernel](r, width), model.shift, model.anisotropy)
    correlation = model.noise_correlation_length
    white = np.eye(n * n) / dx**2
    noise = periodic(lambda r: shapes["gaussian"](r, correlation), 0.0) if correlation else white
    drift = (model.coupling * dx**2 * kernel - np.eye(n * n)) / model.time_constant
    return drift, model.noise_strength * noise / model.time_constant**2


@EXAMPLES
@given(TORI)
def test_fourier_coordinates_are_an_orthonormal_turn_of_the_sites(model):
    basis = model.to_sites(np.eye(model.n_dim))
    np.testing.assert_allclose(basis.T @ basis, np.eye(model.n_site**2), atol=1e-13)
    drift, diffusion = site_matrices(model)
    # rounding of 2601 images, and what an exponential leaves beyond 25 rings of 3 lengths
    np.testing.assert_allclose(basis @ model.linear_drift @ basis.T, drift, atol=1e-12 / model.time_constant)
    np.testing.assert_allclose(basis @ model.linear_diffusion @ basis.T, diffusion, atol=1e-12 * diffusion.max())


@EXAMPLES
@given(TORI)
def test_mode_sums_agree_with_the_matrix_theory(model):
    general = LinearModel.predictions(model)
    own = ("entropy_production_rate", "entropy_production_bound", "site_variance")
    for name, prediction in model.theory(own).items():
        assert prediction.value == pytest.approx(general[name](), rel=1e-9, abs=1e-12)
    assert model.path_entropy_production_rate(0.1) == pytest.approx(
        LinearModel.path_entropy_production_rate(model, 0.1), rel=1e-9, abs=1e-12
    )
    drift, diffusion = site_matrices(model)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    a, b = map(list, model.partition.values())
    digits = 1e-9 * model.power.max() / model.power.min()  # of a determinant
    assert value(model, "mutual_information") == pytest.approx(
        gaussian.mutual_information(covariance, a, b), rel=digits
    )
    if model.bipartite:
        expected = gaussian.local_entropy_production(drift, diffusion, a, b)
        assert value(model, "entropy_production_rate_first") == pytest.approx(expected, rel=1e-8, abs=1e-12)


@EXAMPLES
@given(TORI, st.sampled_from([0.0, 0.7]), st.floats(0.1, 10.0))
def test_entropy_production_does_not_depend_on_the_noise(model, correlation, strength):
    own = {name: getattr(model, name) for name in model.parameters()}
    other = AmariTorus(**{**own, "noise_correlation_length": correlation, "noise_strength": strength})
    assert rate(other) == rate(model)
    assert rate(model) >= 0


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "difference_of_gaussians"])
@pytest.mark.parametrize("n_site", [6, 7])
def test_an_even_kernel_is_at_equilibrium_exactly(kernel, n_site):
    model = AmariTorus(kernel=kernel, n_site=n_site, length=4.0, coupling=0.4)
    assert rate(model) == 0.0
    assert not model.local_mean_weights.any()
    assert not model.path_weights.any()


def test_an_even_kernel_that_differs_between_directions_is_at_equilibrium_exactly():
    """Half a turn is a shift to x and to -x alike: the kernel is stretched along x, and w(-r) = w(r)."""
    model = AmariTorus(shift=3.0, n_site=8, length=6.0, coupling=0.5, kernel_width=1.0)
    wave = model.to_sites(np.eye(64)) @ model.stationary_covariance @ model.to_sites(np.eye(64)).T
    # the covariance at two sites along x differs from that at two sites along y
    assert abs(wave[0, 8 * 2] - wave[0, 2]) > 1e-4
    assert rate(model) < 1e-30  # rounding of the images on either side, squared


@pytest.mark.parametrize(("kernel", "digits"), [("gaussian", 1e-12), ("exponential", 0.02)])
def test_transform_of_each_kernel_is_that_of_the_plane_up_to_aliases(kernel, digits):
    """exp(-k^2 s^2 / 2) and (1 + k^2 s^2)^(-3/2); of the exponential's cusp the nearest aliases are a bound."""
    model = AmariTorus(kernel=kernel, n_site=24, length=6.0, kernel_width=0.6, coupling=0.5)
    k, band = model.modes.wavenumber, 2 * np.pi / model.spacing
    found = (1 - model.modes.decay) / 0.5
    square = (k * 0.6) ** 2
    expected = np.exp(-square / 2) if kernel == "gaussian" else (1 + square) ** -1.5
    inside = k < band / 4
    # aliases at distance >= (|n| - 1/4) band for n on the square lattice: sum |n - 1/4|^-3 < 4 * 2.4 + 4 * 0.6 + .. < 16
    bound = digits if kernel == "gaussian" else 16 * (band * 0.6) ** -3
    assert np.abs(found - expected)[inside].max() < bound
    if kernel == "exponential":
        assert (found >= expected - 1e-12).all()  # every alias adds


def test_shells_gather_the_wavenumbers_of_one_size():
    """Four of a square, eight of a general one; all coordinates are in one shell or another."""
    model = AmariTorus(n_site=7, length=5.0, kernel_width=0.8)
    sizes, _ = model.shells
    count = model.shell_sums(np.ones(len(model.modes.decay)))
    assert count.sum() == 49
    np.testing.assert_allclose(sizes[:5] * 5.0 / (2 * np.pi), np.sqrt([0, 1, 2, 4, 5]), rtol=1e-8)
    assert count[:5].tolist() == [1, 4, 4, 4, 8]
    theory = model.theory(
        ["entropy_production_per_mode", "entropy_production_rate", "structure_factor", "site_variance"]
    )
    total = theory["entropy_production_per_mode"].value.sum()
    assert total == pytest.approx(theory["entropy_production_rate"].value, rel=1e-12, abs=1e-15)
    assert theory["structure_factor"].value @ count / 49 == pytest.approx(theory["site_variance"].value, rel=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.4, 2.5),
    st.sampled_from(["gaussian", "exponential", "difference_of_gaussians"]),
    st.sampled_from([6, 7]),
)
def test_an_anisotropic_kernel_is_at_equilibrium_exactly_and_keeps_its_integral(anisotropy, kernel, n_site):
    shape = {"kernel": kernel, "n_site": n_site, "length": 4.0, "kernel_width": 1.1, "inhibition_width": 1.4}
    model = AmariTorus(anisotropy=anisotropy, coupling=0.4, **shape)
    assert rate(model) == 0.0
    assert not model.path_weights.any()
    # turned by a quarter, the kernel is the one of the inverse ratio; parameters have 12 digits
    turned = AmariTorus(anisotropy=1 / anisotropy, coupling=0.4, **shape)
    here, there = model.kernel_at_sites().T, turned.kernel_at_sites()
    np.testing.assert_allclose(here, there, rtol=0, atol=1e-11 * there.max())
    if kernel == "gaussian":
        # the nearest alias of the narrower axis, and there are two
        narrowest = 1.1 * min(anisotropy, 1 / anisotropy) ** 0.5
        bound = 4.1 * np.exp(-0.5 * (2 * np.pi * narrowest / model.spacing) ** 2)
        assert model.kernel_integral == pytest.approx(1.0, abs=bound + 1e-13)


def test_anisotropy_stretches_the_transform_along_y_and_narrows_it_along_x():
    """exp(-(k_x^2 / a + a k_y^2) w^2 / 2), aliases below rounding."""
    model = AmariTorus(n_site=24, length=6.0, kernel_width=0.6, anisotropy=1.7, coupling=0.5)
    p, q, _ = model._chosen
    k = 2 * np.pi * np.fft.fftfreq(24, model.spacing)
    expected = np.exp(-0.5 * 0.36 * (k[p] ** 2 / 1.7 + 1.7 * k[q] ** 2))
    found = (1 - model.modes.decay) / 0.5
    inside = model.modes.wavenumber < np.pi / model.spacing / 2
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-12)


def test_a_kernel_that_is_short_along_its_shift_is_the_more_irreversible():
    """Omega ~ sin(k_x s) exp(-k_x^2 w^2 / 2a): a narrow kernel passes shorter waves, which a shift turns faster."""
    rates = [rate(AmariTorus(n_site=12, shift=0.5, anisotropy=a, coupling=0.8)) for a in (0.6, 1.0, 1.6)]
    assert rates[0] < rates[1] < rates[2]


def test_a_shift_drives_waves_along_it_and_none_across():
    model = AmariTorus(n_site=8, length=6.0, shift=0.6, kernel_width=0.8)
    p, q, _ = model._chosen
    rotation = model.modes.rotation
    np.testing.assert_allclose(rotation[p == 0], 0.0, atol=1e-16)
    assert np.abs(rotation[(p == 1) & (q == 0)]).min() > 0.1
    assert rate(model) > 0


def test_a_relaxation_starts_from_the_wave_it_is_asked_for():
    model = AmariTorus(n_site=6, length=4.0)
    field = model.to_sites(model.initial_mean(Start(1.0, 0.3, 0.7))[:, None]).reshape(6, 6)
    expected = 0.3 + 0.7 * np.cos(2 * np.pi * np.arange(6) / 6)[:, None]
    np.testing.assert_allclose(field, np.broadcast_to(expected, (6, 6)), atol=1e-14)


def test_threshold_of_a_positive_kernel_is_at_coupling_one():
    stability = AmariTorus(coupling=1.0, n_site=12, length=6.0).stability()
    assert stability.kind == "uniform"
    assert stability.leading_rate == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel_width": 0.4}, r"kernel_width = 0.4, expected >= 0.5 .*; raise n_site to 15"),
        (
            {"anisotropy": 4.0},
            r"kernel_width = 0.7, expected >= 1 \[site spacing length / n_site x 2 at this anisotropy\]; raise n_site to 18",
        ),
        ({"anisotropy": 0.25}, r"kernel_width = 0.7, expected >= 1 .*; raise n_site to 18"),
        ({"kernel": "sampled", "anisotropy": 2.0}, "kernel = sampled does not use it"),
        ({"noise_correlation_length": 0.1}, r"expected 0 \(white\) or >= 0.25 .*; raise n_site to 30"),
        ({"noise_correlation_length": 5.0}, r"expected <= 3.5 .*underflows; lower n_site to 8"),
    ],
)
def test_what_the_grid_cannot_hold_is_refused_with_a_remedy(parameters, message):
    with pytest.raises(ParameterError, match=message):
        AmariTorus(**parameters)


@pytest.mark.parametrize("n_site", [8, 9])
def test_modes_of_a_gaussian_kernel_are_products_of_those_of_two_rings(n_site):
    """A Gaussian of a distance is a product along x and y, images included; the shift belongs to x alone."""
    grid = {"n_site": n_site, "length": 6.0, "kernel_width": 0.9}
    along, across = (AmariField(shift=shift, coupling=1.0, **grid).modes for shift in (0.7, 0.0))
    model = AmariTorus(shift=0.7, coupling=0.8, **grid)
    p, q, _ = model._chosen
    turn = np.arange(n_site)
    fold = np.minimum(turn, n_site - turn)
    ring = (1 - along.decay - 1j * along.rotation)[fold]
    ring = np.where(turn <= n_site // 2, ring, ring.conj())
    expected = 0.8 * ring[p] * (1 - across.decay)[fold[q]]
    # the shortest wave along x has no phase on the ring, but has one here where it is tilted
    tilted = (2 * p == n_site) & (q != 0) & (2 * q != n_site)
    found = 1 - model.modes.decay - 1j * model.modes.rotation
    np.testing.assert_allclose(found[~tilted], expected[~tilted], atol=1e-14)


# --- sampled functions, derived couplings


def test_a_sampled_kernel_and_noise_stand_for_their_functions():
    named = AmariTorus(n_site=8, kernel_width=0.9, shift=0.4, noise_correlation_length=0.8)
    p, q, _ = named._chosen
    spectrum = np.zeros((8, 8))
    spectrum[p, q] = spectrum[-p % 8, -q % 8] = named.modes.diffusion / named.noise_strength
    covariance = np.fft.ifft2(spectrum).real
    covariance = (covariance + np.roll(covariance[::-1, ::-1], (1, 1), axis=(0, 1))) / 2
    sampled = AmariTorus(
        n_site=8,
        kernel="sampled",
        kernel_values=named.kernel_at_sites().tolist(),
        noise="sampled",
        noise_values=covariance.tolist(),
    )
    for part in ("decay", "rotation", "diffusion"):
        ours, theirs = getattr(sampled.modes, part), getattr(named.modes, part)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-11 * np.abs(theirs).max())  # kept to 12 digits


def test_the_coupling_of_a_torus_follows_its_transfer_function():
    """logistic at u_0 = 0: f = 1/2, f' = 1/4; the difference of Gaussians has half a unit of integral."""
    derived = AmariTorus(kernel="difference_of_gaussians", inhibition=0.5, transfer="logistic", weight=2.0, input=-0.5)
    # aliases of a Gaussian of 1.4 spacings are below 1e-15; couplings keep 12 digits
    assert derived.kernel_integral == pytest.approx(0.5, abs=1e-12)
    assert derived.homogeneous_state == pytest.approx(0.0, abs=1e-11)
    assert derived.gain_coupling == pytest.approx(0.5, abs=1e-11)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kernel": "sampled", "kernel_values": [[0.1, 0.2]]}, "kernel_values = .*, expected 12 rows of 12 numbers"),
        (
            {
                "noise": "sampled",
                "n_site": 3,
                "kernel_width": 2.0,
                "noise_values": [[1, 0.3, 0.1], [0, 0, 0], [0, 0, 0]],
            },
            "expected C\\(-r\\) = C\\(r\\) with a positive discrete transform",
        ),
        ({"noise": "sampled", "noise_correlation_length": 1.0}, "expected nothing: noise = sampled does not use it"),
    ],
)
def test_mistakes_in_sampled_functions_are_said(wrong, message):
    with pytest.raises(ParameterError, match=message):
        AmariTorus(**wrong)
