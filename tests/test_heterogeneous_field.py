"""A field whose sites differ: the law of weak heterogeneity, families at exact equilibrium, and the second law of each side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.model import ParameterError
from nessmap.models.amari_field import AmariField
from nessmap.models.heterogeneous_field import HeterogeneousField

KERNELS = ("gaussian", "exponential", "difference_of_gaussians", "wizard_hat")
SIDES = tuple(f"{name}_{side}" for name in ("entropy_production_rate", "entropy_flow") for side in ("first", "second"))
EXAMPLES = settings(max_examples=30, deadline=None)
SHAPES = {
    "n_site": st.integers(3, 12),
    "length": st.just(2.1),
    "coupling": st.floats(-1.5, 0.8),
    "shift": st.floats(-1.0, 1.0),
    "noise_heterogeneity": st.floats(-0.9, 0.9),
    "gain_heterogeneity": st.floats(-0.2, 0.2),
    "coupling_heterogeneity": st.floats(-0.2, 0.2),
}
WHITE = st.fixed_dictionaries(SHAPES).map(lambda p: HeterogeneousField(**p))


def value(model, name):
    return model.theory([name])[name].value


def rate(model):
    return value(model, "entropy_production_rate")


# --- the law of weakly heterogeneous noise


@pytest.mark.parametrize("kernel", KERNELS)
def test_weakly_heterogeneous_noise_produces_entropy_as_the_square_of_its_heterogeneity(kernel):
    """(eps^2 / 2) sum |h_(k-k')|^2 (a_k - a_k')^2 / (a_k + a_k'), h_q = FFT(h) / N, a_k the rates of the uniform field."""
    n, rng = 9, np.random.default_rng(3)
    profile = rng.uniform(-1, 1, n)
    parameters = {"n_site": n, "length": 5.0, "kernel": kernel, "coupling": 0.7, "profile": [profile.tolist()]}

    def rate_at(epsilon):
        return rate(HeterogeneousField(noise_heterogeneity=epsilon, **parameters))

    kernel_at_sites = HeterogeneousField(**parameters).kernel_at_sites()
    decay = 1 - 0.7 * np.fft.fft(kernel_at_sites).real * 5.0 / n
    wave = np.abs(np.fft.fft(profile) / n) ** 2
    law = 0.5 * sum(
        wave[(k - q) % n] * (decay[k] - decay[q]) ** 2 / (decay[k] + decay[q]) for k in range(n) for q in range(n)
    )
    # rate / eps^2 = law + c1 eps + c2 eps^2 + ..; both signs leave c2, which Richardson removes
    even = [(rate_at(epsilon) + rate_at(-epsilon)) / (2 * epsilon**2) for epsilon in (0.01, 0.02)]
    remainder = 0.02**4  # times coefficients of order one, because |h| <= 1
    assert (4 * even[0] - even[1]) / 3 == pytest.approx(law, rel=10 * remainder)


def test_the_strength_of_the_noise_cancels():
    parameters = {"shift": 0.3, "noise_heterogeneity": 0.7, "gain_heterogeneity": 0.3}
    rates = [rate(HeterogeneousField(noise_strength=strength, **parameters)) for strength in (0.01, 0.1, 10.0)]
    np.testing.assert_allclose(rates, rates[0], rtol=1e-12)


# --- equilibrium


@pytest.mark.parametrize("kernel", KERNELS)
def test_symmetric_coupling_of_different_sites_with_white_noise_is_at_equilibrium(kernel):
    model = HeterogeneousField(kernel=kernel, coupling=0.5, coupling_heterogeneity=0.7)
    assert np.abs(model.weights - np.roll(model.weights, 1, axis=0)).max() > 1e-3  # the sites do differ
    assert rate(model) == 0.0


@pytest.mark.parametrize("correlation", [0.3, 1.0])
def test_correlated_noise_drives_what_is_heterogeneous_and_nothing_else(correlation):
    """[W, C] = 0 for two circulant matrices; a symmetric W that is not one does not commute with C."""
    field = {"coupling": 0.5, "noise_correlation_length": correlation}
    assert rate(HeterogeneousField(**field)) == 0.0
    small, large = (rate(HeterogeneousField(coupling_heterogeneity=epsilon, **field)) for epsilon in (0.01, 0.02))
    assert small > 0
    assert large / small == pytest.approx(4.0, rel=3 * 0.02)  # quadratic; the next order is relatively eps


@pytest.mark.parametrize("correlation", [0.3, 0.5])
def test_coupling_through_the_noise_covariance_is_at_equilibrium(correlation):
    """w(x, x') = C(x, x') lambda(x'): W C = C lambda C is symmetric for a lambda of any sign, and of any size."""
    field = {"n_site": 8, "length": 4.0, "noise_correlation_length": correlation, "noise_heterogeneity": 0.6}
    covariance = HeterogeneousField(**field).linear_diffusion
    strength = np.array([1.0, -2.0, 0.5, 0.0, -1.0, 3.0, 1.5, -0.3])
    matrix = covariance * strength
    assert np.abs(matrix - matrix.T).max() > 0.1 * np.abs(matrix).max()
    model = HeterogeneousField(kernel="matrix", kernel_matrix=matrix.tolist(), coupling=0.3, **field)
    assert model.stability().leading_rate < 0
    # the 12 digits of a parameter leave relative 1e-12 of asymmetry, of which the rate is the square
    assert rate(model) < 1e-22
    gain = HeterogeneousField(gain_heterogeneity=0.5, kernel="matrix", kernel_matrix=covariance.tolist(), **field)
    assert rate(gain) < 1e-22  # the gain is a lambda


def test_a_perturbed_family_member_leaves_equilibrium():
    field = {"n_site": 8, "length": 4.0, "noise_correlation_length": 0.5, "noise_heterogeneity": 0.6}
    matrix = HeterogeneousField(**field).linear_diffusion.copy()
    matrix[0, 3] *= 1.1
    assert rate(HeterogeneousField(kernel="matrix", kernel_matrix=matrix.tolist(), **field)) > 1e-8


# --- what it shares with the homogeneous field


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize("n_site", [9, 16])
def test_without_heterogeneity_it_is_the_field_on_the_ring(correlation, n_site):
    """By matrices at the sites here, by sums over modes there."""
    same = {"coupling": 0.7, "shift": 0.4, "n_site": n_site, "length": 6.0, "noise_correlation_length": correlation}
    same |= {"time_constant": 2.0}
    ours, theirs = HeterogeneousField(**same).theory(), AmariField(**same).theory()
    assert set(ours) <= set(theirs)
    for name, prediction in ours.items():
        # information does not flow through a homogeneous field; at the sites it is a difference of terms of order 1
        assert prediction.value == pytest.approx(theirs[name].value, rel=1e-9, abs=1e-12), name


def test_gain_multiplies_columns():
    """The gain belongs to the site that sends."""
    model = HeterogeneousField(gain_heterogeneity=0.4, coupling=0.8, time_constant=2.0)
    uniform = HeterogeneousField(coupling=0.8, time_constant=2.0)
    sent = model.linear_drift * 2 + np.eye(16)
    np.testing.assert_allclose(sent, (uniform.linear_drift * 2 + np.eye(16)) @ np.diag(model.gain), atol=1e-15)
    assert model.gain.argmax() in (3, 4)  # the cosine is largest in the middle of the left half: sites 0 .. 7


# --- the two sides


@EXAMPLES
@given(WHITE)
def test_each_side_obeys_its_second_law_and_the_sides_add_up(model):
    theory = model.theory([*SIDES, "information_flow", "entropy_production_rate"])
    found = {name: prediction.value for name, prediction in theory.items()}
    flow = found["information_flow"]
    # rounding of terms of order tr A = n
    assert found["entropy_production_rate_first"] >= 0
    assert found["entropy_production_rate_second"] >= 0
    total = found["entropy_production_rate_first"] + found["entropy_production_rate_second"]
    assert total == pytest.approx(found["entropy_production_rate"], rel=1e-9, abs=1e-12)
    assert found["entropy_flow_first"] >= flow - 1e-12
    assert found["entropy_flow_second"] >= -flow - 1e-12
    # what flows into the two reservoirs is all that is produced
    assert found["entropy_flow_first"] + found["entropy_flow_second"] == pytest.approx(total, rel=1e-9, abs=1e-11)


@EXAMPLES
@given(WHITE)
def test_no_side_learns_more_than_its_transfer_entropy(model):
    """I_1 <= T_(2 -> 1): what the first side's moves learn, the second side's past must have told it."""
    names = ("information_flow", "transfer_entropy_rate", "transfer_entropy_rate_back")
    flow, forward, back = (model.theory(names)[name].value for name in names)
    assert flow <= back + 1e-9  # to the accuracy of a Riccati equation
    assert -flow <= forward + 1e-9


MIRRORED = [[0.9, 0.1, -0.4, 0.6, 0.6, -0.4, 0.1, 0.9]]  # the same from either end: the halves are mirror images


def test_no_information_flows_between_mirror_images():
    model = HeterogeneousField(n_site=8, length=4.0, coupling=0.7, noise_heterogeneity=0.8, profile=MIRRORED)
    assert rate(model) > 1e-3
    assert abs(value(model, "information_flow")) < 1e-13  # rounding
    assert value(model, "entropy_production_rate_first") == pytest.approx(rate(model) / 2, rel=1e-12)


def test_information_flows_towards_the_noisier_half():
    """The quiet half is moved by the noisy one and follows it: its moves learn; exchanging the halves turns the flow around."""
    parameters = {"coupling": 0.7, "n_site": 8, "length": 4.0}
    left, right = (HeterogeneousField(noise_heterogeneity=epsilon, **parameters) for epsilon in (0.8, -0.8))
    assert value(left, "information_flow") < -1e-3  # the left half is the noisy one: it is learnt about
    assert value(right, "information_flow") == pytest.approx(-value(left, "information_flow"), rel=1e-10)


@pytest.mark.parametrize("heterogeneity", ["noise_heterogeneity", "coupling_heterogeneity"])
def test_a_negative_strength_at_a_site_is_refused(heterogeneity):
    with pytest.raises(
        ParameterError, match=f"heterogeneous_field: {heterogeneity} = 1.5, expected > -1.02 and < 1.02"
    ):
        HeterogeneousField(**{heterogeneity: 1.5})


def test_a_kernel_matrix_of_another_size_is_refused():
    with pytest.raises(ParameterError, match="expected 16 rows of 16 numbers"):
        HeterogeneousField(kernel="matrix", kernel_matrix=[[1.0, 0.0], [0.0, 1.0]])
