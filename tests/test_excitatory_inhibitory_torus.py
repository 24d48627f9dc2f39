"""Two linear populations on a torus, and noise that is correlated in space and between them: matrices at the sites, limits."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap import identity
from nessmap.model import ParameterError, Start
from nessmap.models.amari_torus import AmariTorus
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.models.excitatory_inhibitory_torus import ExcitatoryInhibitoryTorus
from nessmap.models.nonlinear_excitatory_inhibitory_field import NonlinearExcitatoryInhibitoryField
from nessmap.theory import gaussian

RATE, VARIANCE = "entropy_production_rate", "site_variance"
EXAMPLES = settings(max_examples=12, deadline=None)
BOTH = pytest.mark.parametrize("kind", [ExcitatoryInhibitoryField, ExcitatoryInhibitoryTorus], ids=["ring", "torus"])
SMALL = {"n_site": 4, "length": 3.0, "excitatory_width": 0.8, "inhibitory_width": 1.0}
NOISES = {
    "excitatory_noise_length": st.sampled_from([0.0, 0.5, 0.8]),
    "inhibitory_noise_length": st.sampled_from([0.0, 0.5]),
    "noise_correlation": st.sampled_from([0.0, -0.4, 0.7]),
}
SHAPES = {
    "n_site": st.integers(3, 5),
    "inhibitory_time": st.floats(0.3, 3.0),
    "weight_ei": st.floats(0.0, 2.0),
    **NOISES,
}
RINGS = st.fixed_dictionaries(SHAPES).map(
    lambda p: ExcitatoryInhibitoryField(length=3.0, excitatory_width=1.0, inhibitory_width=1.3, **p)
)
TORI = st.fixed_dictionaries(
    {**SHAPES, "excitatory_anisotropy": st.floats(0.9, 1.5), "inhibitory_anisotropy": st.floats(0.7, 1.1)}
).map(lambda p: ExcitatoryInhibitoryTorus(length=3.0, excitatory_width=1.3, inhibitory_width=1.3, **p))


def value(model, name=RATE):
    return model.theory([name])[name].value


# --- matrices at the sites, by summing periodic images: no Fourier transform


def periodic(model, profile, narrowing):
    """A function of the distance at the sites, (n, n) on a ring and (n^2, n^2) on a torus."""
    n, dx = model.n_site, model.spacing
    images = model.length * np.arange(-20, 21)
    axes = [((dx * np.arange(n)[:, None] + images) / factor) for factor in narrowing]
    if len(axes) == 1:
        values = profile(np.abs(axes[0])).sum(axis=1)
        return values[np.arange(n)[:, None] - np.arange(n)]  # a negative index is a site of the next period
    values = profile(np.hypot(axes[0][:, None, :, None], axes[1][None, :, None, :])).sum(axis=(2, 3))
    i, j = (index.ravel() for index in np.indices((n, n)))
    return values[i[:, None] - i, j[:, None] - j]


def site_matrices(model):
    """A and D of both populations at the sites; a common part of the noise only where both are correlated alike."""
    torus, n = isinstance(model, ExcitatoryInhibitoryTorus), model.n_place
    dimension = 2 if torus else 1
    size = model.spacing**dimension

    def gaussian_of(width, anisotropy=1.0):
        narrowing = (anisotropy**-0.5, anisotropy**0.5) if torus else (1.0,)
        area = (2 * np.pi * width**2) ** (dimension / 2)
        return periodic(model, lambda r: np.exp(-0.5 * (r / width) ** 2) / area, narrowing)

    def noise_of(length):
        if length == 0:
            return np.eye(n) / size
        if torus:
            return gaussian_of(length)
        return periodic(model, lambda r: np.exp(-r / length) / (2 * length), (1.0,))

    stretched = [(model.excitatory_anisotropy,), (model.inhibitory_anisotropy,)] if torus else [(), ()]
    excitatory, inhibitory = (
        gain * size * gaussian_of(width, *shape)
        for gain, width, shape in (
            (model.excitatory_gain, model.excitatory_width, stretched[0]),
            (model.inhibitory_gain, model.inhibitory_width, stretched[1]),
        )
    )
    rates = np.repeat(1 / model.time_constants, n)
    weights = np.block(
        [
            [model.weight_ee * excitatory, -model.weight_ei * inhibitory],
            [model.weight_ie * excitatory, -model.weight_ii * inhibitory],
        ]
    )
    own = [
        strength * noise_of(length) / time**2
        for strength, length, time in zip(
            (model.excitatory_noise, model.inhibitory_noise), model.noise_lengths, model.time_constants, strict=True
        )
    ]
    # a matrix that commutes with both has a root of their product
    values, vectors = np.linalg.eigh(own[0] @ own[1])
    common = model.noise_correlation * (vectors * np.sqrt(values)) @ vectors.T
    return rates[:, None] * (weights - np.eye(2 * n)), np.block([[own[0], common], [common, own[1]]])


@EXAMPLES
@given(st.one_of(RINGS, TORI))
def test_blocks_are_what_matrices_at_the_sites_are(model):
    drift, diffusion = site_matrices(model)
    covariance = gaussian.stationary_covariance(drift, diffusion)
    a, b = map(list, model.partition.values())
    digits = 1e-13 * np.linalg.cond(diffusion)
    assert value(model) == pytest.approx(gaussian.entropy_production_rate(drift, diffusion), rel=digits + 1e-10)
    assert value(model, VARIANCE) == pytest.approx(np.trace(covariance) / model.n_dim, rel=1e-10)
    found = value(model, "mutual_information")
    assert found == pytest.approx(gaussian.mutual_information(covariance, a, b), rel=digits + 1e-9)
    alone = gaussian.stationary_covariance(-np.diag(np.repeat(1 / model.time_constants, model.n_place)), diffusion)
    assert model.uncoupled_log_determinant == pytest.approx(np.linalg.slogdet(alone)[1], rel=1e-9)


@EXAMPLES
@given(st.one_of(RINGS, TORI))
def test_a_block_produces_what_the_circulation_of_two_coordinates_does(model):
    """(A_EI d_I - A_IE d_E + (A_EE - A_II) d_EI)^2 / (det D |tr A|) of each."""
    drift, noise = model.block_drift, model.block_diffusion
    own, across = drift[:, 0, 0] - drift[:, 1, 1], noise[:, 0, 1]
    turn = drift[:, 0, 1] * noise[:, 1, 1] - drift[:, 1, 0] * noise[:, 0, 0] + own * across
    expected = (turn**2 / np.linalg.det(noise) / -np.trace(drift, axis1=1, axis2=2)).sum()
    assert value(model) == pytest.approx(expected, rel=1e-9)


# --- limits


@pytest.mark.parametrize("length", [0.0, 0.6])
def test_populations_that_do_not_meet_are_two_tori(length):
    shape = {"weight_ei": 0.0, "weight_ie": 0.0, "excitatory_anisotropy": 1.1, "inhibitory_anisotropy": 0.9}
    model = ExcitatoryInhibitoryTorus(
        **SMALL, **shape, excitatory_noise_length=length, inhibitory_noise_length=length, inhibitory_time=0.7
    )
    shared = {"n_site": 4, "length": 3.0, "noise_correlation_length": length}
    excitatory = AmariTorus(**shared, coupling=0.9, kernel_width=0.8, anisotropy=1.1, noise_strength=0.1)
    inhibitory = AmariTorus(
        **shared, coupling=-0.4, kernel_width=1.0, anisotropy=0.9, noise_strength=0.05, time_constant=0.7
    )
    assert value(model) == pytest.approx(0.0, abs=1e-13)
    expected = (value(excitatory, VARIANCE) + value(inhibitory, VARIANCE)) / 2
    assert value(model, VARIANCE) == pytest.approx(expected, rel=1e-12)


def test_kernels_as_long_as_the_torus_along_y_leave_one_ring():
    """Waves along y are not coupled, and the others are those of a ring with kernels of the widths along x."""
    torus = ExcitatoryInhibitoryTorus(
        n_site=6,
        length=4.0,
        excitatory_width=8.0,
        inhibitory_width=9.0,
        excitatory_anisotropy=100.0,
        inhibitory_anisotropy=81.0,
    )
    ring = ExcitatoryInhibitoryField(n_site=6, length=4.0, excitatory_width=0.8, inhibitory_width=1.0)
    assert value(torus) == pytest.approx(value(ring), rel=1e-10)


@BOTH
def test_one_correlation_length_for_both_changes_no_entropy_production_and_two_do(kind):
    """The circulation of a block does not know the strength of the noise, only its ratio and correlation."""
    white = kind(**SMALL, noise_correlation=0.3)
    alike = dataclasses.replace(white, excitatory_noise_length=0.6, inhibitory_noise_length=0.6)
    apart = dataclasses.replace(white, excitatory_noise_length=0.6)
    assert value(alike) == pytest.approx(value(white), rel=1e-10)
    assert abs(value(apart) / value(white) - 1) > 1e-3
    assert value(alike, VARIANCE) != pytest.approx(value(white, VARIANCE), rel=0.05)


@pytest.mark.parametrize(("kind", "n_site"), [(ExcitatoryInhibitoryField, 64), (ExcitatoryInhibitoryTorus, 24)])
def test_noise_is_white_in_the_limit_of_short_correlation(kind, n_site):
    """The longest wave lacks 1 - 1/(1 + (k xi)^2) or 1 - e^(-(k xi)^2/2): of second order, less what aliases add."""
    shape = {"length": 3.0, "n_site": n_site, "excitatory_width": 0.8}
    longest = kind(**shape).mode_of[1]
    lacking = [
        1 - kind(**shape, excitatory_noise_length=length).noise_colours[0, longest] for length in (0.0, 0.2, 0.1)
    ]
    assert lacking[0] == 0.0
    assert 0 < lacking[2] < 0.27 * lacking[1] < 0.05


@BOTH
def test_noise_that_both_share_leaves_no_information_flow_to_speak_of(kind):
    sided = ("information_flow", "entropy_production_rate_first", "entropy_flow_second")
    names = (*sided, "transfer_entropy_rate", "mutual_information")
    assert kind(**SMALL, excitatory_noise_length=0.6).theory(names).keys() == set(names)
    assert kind(**SMALL, noise_correlation=0.2).theory(names).keys() == set(names) - set(sided)


def test_kernels_stretched_along_either_axis_produce_the_same():
    along = ExcitatoryInhibitoryTorus(**SMALL, excitatory_anisotropy=1.1, inhibitory_anisotropy=0.8)
    across = ExcitatoryInhibitoryTorus(**SMALL, excitatory_anisotropy=1 / 1.1, inhibitory_anisotropy=1 / 0.8)
    assert value(along) == pytest.approx(value(across), rel=1e-10)


def test_the_first_wave_to_grow_runs_where_inhibition_reaches_farther():
    """Along y, on a ring with the widths that kernels have there."""
    shape = {"n_site": 12, "length": 6.0, "excitatory_width": 0.7, "weight_ei": 2.5, "weight_ie": 2.5, "weight_ee": 2.4}
    shape |= {"weight_ii": 0.0, "inhibitory_time": 0.2}
    found = ExcitatoryInhibitoryTorus(**shape, inhibitory_width=1.4, inhibitory_anisotropy=2.0).stability()
    along_x, along_y = (
        ExcitatoryInhibitoryField(**shape, inhibitory_width=1.4 * 2.0**power).stability() for power in (-0.5, 0.5)
    )
    assert found.kind == along_y.kind == "Turing"
    expected = along_y.wavenumber, along_y.leading_rate
    assert (found.wavenumber, found.leading_rate) == pytest.approx(expected, rel=1e-9)  # widths have 12 digits
    assert along_x.leading_rate < 0 < along_y.leading_rate


def test_a_relaxation_begins_with_a_wave_along_x_in_both_populations():
    start = Start(0.5, 0.2, 0.6)
    own = AmariTorus(n_site=4, length=3.0, kernel_width=0.8)
    mean = ExcitatoryInhibitoryTorus(**SMALL).initial_mean(start).reshape(2, 16)
    np.testing.assert_allclose(mean, np.stack(2 * [own.initial_mean(start)]), atol=1e-14)


# --- identity and domain


def test_white_independent_noise_keeps_the_names_of_its_paths():
    """As they were before noise could be correlated."""
    known = {
        ExcitatoryInhibitoryField: "1ea211d54e1e82e0b5595532c8a05837",
        NonlinearExcitatoryInhibitoryField: "c11d6303d9e73475411d377468a6d016",
    }
    for kind, name in known.items():
        assert identity.stream(kind(), 0.05, 1) == name
        others = [kind(**{key: 0.6}) for key in ("excitatory_noise_length", "noise_correlation")]
        assert len({identity.stream(model, 0.05, 1) for model in (kind(), *others)}) == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"noise_correlation": -1.0}, r"noise_correlation = -1.0, expected a number from -0.999 to 0.999; give each"),
        ({"excitatory_noise_length": 0.3}, r"expected 0 \(white\) or >= 0.375 .*; raise n_site to 5"),
        ({"inhibitory_noise_length": 6.0}, r"expected <= 5.25 \[7 site spacings\]: .*; lower n_site to 3"),
        (
            {"inhibitory_anisotropy": 3.0},
            r"inhibitory_width = 1.0, expected >= 1.299 \[site spacing length / n_site x 1.732 at .*; raise n_site to 6",
        ),
    ],
)
def test_noise_and_kernels_that_the_sites_do_not_resolve_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ExcitatoryInhibitoryTorus(**{**SMALL, **parameters})
