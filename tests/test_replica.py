"""Replica theory of the quasi-potential: exact cases, thermodynamics, limits, reference numbers, sampling, what fails."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nessmap.theory.random_linear_network import critical_gain
from nessmap.theory.replica import independent_replicas, ordered_response, overlapping_replicas, replica_state
from nessmap.theory.static_mean_field import static_state

EXAMPLES = settings(max_examples=6, deadline=None)

# gain, symmetry, T, q, <x^2>, G, E/(N T), stability, omega: iterated to 1e-9
INDEPENDENT = [
    (0.4, 0.0, 1e-4, 0.00011901388983698099, 0.00011904222238314646, 0.9998809861195784, 0.5, 0.15996191782455393, 0.0),
    (1.2, 0.0, 1e-4, 0.1734508671409068, 0.24986924847210645, 0.8265491330054777, 0.5, 0.9837841957518383, 0.0),
    (0.9, 0.2, 1e-4, 0.012627456599263565, 0.012950643433178047, 1.0334157323956702, 0.4993882039384111,
     0.9901898788492446, 0.08981526550633778),
    (0.8, 0.5, 1e-4, 0.01690829016690136, 0.017489655310555425, 1.052840859155583, 0.4987010259539834,
     0.9905551854919701, 0.19995372113455856),
    (1.1, 0.8, 1e-4, 0.3075884932523282, 0.6047375003848212, 0.6304778571680951, 0.4999391723438386, 0.933757085889091,
     0.27617246090939696),
    (1.2, 0.5, 0.01, 0.32542528532774384, 0.6714614305465878, 0.6404620724026191, 0.49652823412874547,
     0.9160585143292935, 0.18750613137110705),
    (1.0, 1.0, 0.01, 0.287596316643075, 0.5339721874653975, 0.6579129326794924, 0.49177207828676545,
     0.9061134227200317, 0.3200211950271681),
]  # fmt: skip

# gain, T, q, Q, G, rho, Qh, qh, <x^2>, E/N, omega at symmetry -0.3: iterated until steps were below 1e-6
OVERLAPPING = [
    (1.3, 0.01, 0.0665992953274822, 0.020079545078361866, 0.7647774355543815, 0.051590203892013756, 0.9637650883003193,
     1.5937440232667628, 0.07646137816368684, 0.005094304380074957, -0.16645878169731604),
    (1.5, 0.01, 0.15750408159851723, 0.10410917008251473, 0.6603553414184201, 0.15893406158810175, 3.0910553171916892,
     2.2511111457953534, 0.22152360381845004, 0.005100049384257572, -0.17946728078178084),
    (1.5, 1e-4, 0.0662599114458237, 0.06273826048639394, 0.6652576986031762, 0.258703272844687, 79.14606067080726,
     41.36549915206986, 0.0762131669878461, 5.018384666289809e-05, -0.2022538280336641),
    (1.7143, 0.001, 0.20214945943526694, 0.1792651035223479, 0.5736118830455685, 0.26294655675117395, 17.721623654874787,
     9.316773505013165, 0.3224432460812749, 0.0005031702381468222, -0.19498316920074887),
]  # fmt: skip

# gain, symmetry, T, N, then q, <x^2>, E/(N T) with standard errors: Hamiltonian Monte Carlo of finite networks, 3 J
SAMPLED = [
    (0.8, 0.0, 0.01, 300, 0.024109, 0.000485, 0.025330, 0.000532, 0.499143, 0.000969),
    (1.2, 0.5, 0.01, 300, 0.326766, 0.006079, 0.680354, 0.023402, 0.496220, 0.001043),
    (1.0, 1.0, 0.01, 300, 0.285896, 0.006320, 0.531805, 0.018665, 0.492148, 0.000684),
]


@EXAMPLES
@given(st.floats(0.2, 3.0), st.floats(-6.0, 1.0))
def test_without_symmetry_activity_is_exactly_gaussian(gain, logarithm):
    temperature = 10.0**logarithm
    found = replica_state(gain, 0.0, temperature)
    assert found.converged
    assert found.overlap == 0.0
    assert found.second_moment == pytest.approx(temperature + gain**2 * found.self_overlap, rel=1e-8)
    z, step = np.linspace(-9, 9, 4001, retstep=True)
    weight = step / math.sqrt(2 * math.pi) * np.exp(-(z**2) / 2)
    x = math.sqrt(found.second_moment) * z
    assert found.self_overlap == pytest.approx(weight @ np.tanh(x) ** 2, rel=1e-8)
    assert found.response == pytest.approx(weight @ (1 - np.tanh(x) ** 2), rel=1e-8)
    # equipartition, and quenched = annealed; the conjugate is a difference of terms of size g^2/S
    assert found.energy == pytest.approx(temperature / 2, rel=1e-8)
    assert found.log_volume == pytest.approx(0, abs=1e-9)
    assert found.stability < 1


@pytest.mark.parametrize("symmetry", [-1.0, -0.4, 0.0, 0.5, 1.0])
def test_a_linear_network_has_a_gaussian_measure_in_closed_form(symmetry):
    gain, temperature = 0.8 * min(critical_gain(symmetry), 1.5), 0.01
    found = replica_state(gain, symmetry, temperature, transfer=lambda x: x)
    response = ordered_response(gain, symmetry)
    assert found.response == pytest.approx(response, rel=1e-9)
    exact = response**2 * temperature / (1 - (gain * response) ** 2)
    assert found.self_overlap == pytest.approx(exact, rel=1e-8)
    assert found.second_moment == pytest.approx(exact, rel=1e-8)
    assert found.energy == pytest.approx(temperature / 2, rel=1e-9)
    # -ln |det(1 - J)| per neuron
    volume = math.log(response) - gain**2 * symmetry * response**2 / 2
    assert found.log_volume == pytest.approx(volume, abs=1e-9)


@pytest.mark.parametrize(("gain", "symmetry", "temperature", *"qxgeso"), INDEPENDENT)
def test_reference_states_of_independent_replicas(gain, symmetry, temperature, q, x, g, e, s, o):
    found = replica_state(gain, symmetry, temperature)
    assert (found.converged, found.overlap) == (True, 0.0)
    # iterated to 1e-9 at a rate of up to 0.99: a hundred times that
    assert (found.self_overlap, found.second_moment) == pytest.approx((q, x), rel=1e-7)
    assert (found.response, found.stability) == pytest.approx((g, s), rel=1e-8)
    assert found.energy / temperature == pytest.approx(e, abs=1e-9)
    assert found.log_volume == pytest.approx(o, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("reference", OVERLAPPING, ids=lambda row: f"{row[0]}-{row[1]}")
def test_reference_states_of_overlapping_replicas(reference):
    gain, temperature, *order, moment, energy, volume = reference
    found = replica_state(gain, -0.3, temperature)
    assert found.converged
    values = (
        found.self_overlap,
        found.overlap,
        found.response,
        found.cross_overlap,
        found.field_variance,
        found.conjugate,
    )
    # steps below 1e-6 at a rate of up to 0.98 leave fifty times as much, in Qh and qh
    assert values == pytest.approx(order, rel=5e-5)
    assert (found.second_moment, found.energy) == pytest.approx((moment, energy), rel=1e-5)
    assert found.log_volume == pytest.approx(volume, abs=1e-8)


@pytest.mark.parametrize(("gain", "symmetry", "temperature", "n", *"qQxXeE"), SAMPLED)
def test_sampled_networks_agree_within_their_errors(gain, symmetry, temperature, n, q, Q, x, X, e, E):
    found = replica_state(gain, symmetry, temperature)
    # three J: 4.3 standard errors at 95 %
    assert abs(found.self_overlap - q) < 4.3 * Q
    assert abs(found.second_moment - x) < 4.3 * X
    assert abs(found.energy / temperature - e) < 4.3 * E + 1 / n


@pytest.mark.parametrize(
    ("gain", "symmetry", "temperature"),
    [(0.7, 0.5, 0.02), (1.2, 0.8, 0.05), (1.5, -0.3, 0.01)],
)
@pytest.mark.slow
def test_energy_and_second_moment_are_derivatives_of_the_free_energy(gain, symmetry, temperature):
    regulariser, part = 0.05, 2e-3

    def volume(temperature, regulariser):
        return replica_state(gain, symmetry, temperature, regulariser).log_volume

    def derivative(values, step):
        return (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * step)

    found = replica_state(gain, symmetry, temperature, regulariser)
    at = [volume(temperature * (1 + k * part), regulariser) for k in (-2, -1, 1, 2)]
    energy = temperature / 2 + temperature**2 * derivative(at, part * temperature)
    # fourth order in the step, and rounding of 1e-12 (1e-9 where fields are integrated over) over it
    assert found.energy == pytest.approx(energy, rel=1e-6)
    at = [volume(temperature, regulariser * (1 + k * part)) for k in (-2, -1, 1, 2)]
    moment = -temperature * derivative(at, part * regulariser)
    assert found.second_moment == pytest.approx(moment, rel=1e-5)


@pytest.mark.parametrize(("gain", "symmetry"), [(0.6, 0.5), (0.8, 0.0), (1.2, -0.3), (0.4, 1.0)])
def test_the_ordered_phase_tends_to_its_zero_temperature_limit(gain, symmetry):
    limit = replica_state(gain, symmetry, 0.0)
    for temperature in (1e-4, 1e-5):
        found = replica_state(gain, symmetry, temperature)
        stability = (gain * limit.response) ** 2
        linear = limit.response**2 * temperature / (1 - stability)
        # corrections in proportion to q
        size = 30 * linear / (1 - stability) ** 2
        assert found.self_overlap / linear == pytest.approx(1, abs=size)
        assert found.response == pytest.approx(limit.response, rel=size)
        assert found.log_volume == pytest.approx(limit.log_volume, abs=size)
        assert found.stability == pytest.approx(limit.stability, abs=size)
        assert found.conjugate == pytest.approx(limit.conjugate, abs=size)


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "symmetry"), [(1.5, 0.0), (0.9, 0.5)])
def test_above_the_transition_zero_temperature_is_an_ordinary_point(gain, symmetry):
    limit = replica_state(gain, symmetry, 0.0)
    assert limit.converged
    assert limit.energy == 0.0
    gap = [replica_state(gain, symmetry, temperature).self_overlap - limit.self_overlap for temperature in (2e-6, 1e-6)]
    # linear in T
    assert gap[0] / gap[1] == pytest.approx(2, abs=0.01)
    if symmetry == 0.0:
        assert limit.self_overlap == pytest.approx(static_state(gain, 0.0).rate_variance, rel=1e-9)


@pytest.mark.slow
def test_at_the_transition_the_overlap_vanishes_as_a_power_of_the_temperature():
    overlap = [replica_state(1.0, 0.0, temperature).self_overlap for temperature in (1e-6, 1e-8)]
    # sqrt(T/2) with a correction of relative size sqrt(T)
    assert overlap[0] == pytest.approx(math.sqrt(5e-7), rel=2e-3)
    assert overlap[1] == pytest.approx(math.sqrt(5e-9), rel=2e-4)
    overlap = [replica_state(1 / 1.5, 0.5, temperature).self_overlap for temperature in (1e-5, 1e-7)]
    assert math.log10(overlap[0] / overlap[1]) / 2 == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.slow
def test_the_response_peaks_at_the_transition_for_positive_symmetry_only():
    def responses(symmetry, temperature=1e-5):
        gains = critical_gain(symmetry) * np.array([0.8, 0.9, 1.0, 1.1, 1.2])
        return [independent_replicas(gain, symmetry, temperature).response for gain in gains]

    assert int(np.argmax(responses(0.5))) == 2
    assert np.all(np.diff(responses(0.0)) < 0)


@pytest.mark.slow
def test_replicas_begin_to_overlap_where_independent_ones_lose_stability():
    # symmetry -0.3, T = 0.01: between gains 1.24 and 1.26
    states = {gain: independent_replicas(gain, -0.3, 0.01) for gain in (1.24, 1.26, 1.28)}
    assert states[1.24].stability < 1 < states[1.26].stability
    assert "no state with an overlap" in overlapping_replicas(1.24, -0.3, 0.01).message
    overlap = {gain: overlapping_replicas(gain, -0.3, 0.01).overlap for gain in (1.26, 1.28)}
    # in proportion to what the stability is beyond 1, to lowest order
    slopes = [overlap[gain] / (states[gain].stability - 1) for gain in overlap]
    assert slopes[1] == pytest.approx(slopes[0], rel=0.2)


def test_the_state_that_holds_is_the_stable_one_where_there_are_two():
    # symmetry -0.3, gain 1.3, T = 1e-4: the path of the symmetry from 0 ends in a state that is not stable
    found = replica_state(1.3, -0.3, 1e-4)
    assert found.self_overlap == pytest.approx(0.0005403685722095605, rel=1e-7)
    assert found.stability < 1


@pytest.mark.slow
def test_a_phase_diagram_is_filled_without_a_gap():
    for gain in np.linspace(0.1, 2.5, 7):
        for symmetry in np.linspace(-1.0, 1.0, 9):
            for temperature in (1e-4, 0.1):
                found = replica_state(gain, symmetry, temperature)
                assert found.converged, (gain, symmetry, temperature, found.message)
                assert 0 <= found.overlap <= found.self_overlap < 1


def test_what_has_no_state_says_so():
    found = replica_state(1.5, -0.3, 0.0)
    assert not found.converged
    assert "expected < 1; temperature: 0" in found.message
    with pytest.raises(ValueError, match="temperature: 0 with a regulariser"):
        replica_state(0.8, 0.0, 0.0, 0.1)
    with pytest.raises(ValueError, match="symmetry: 2"):
        replica_state(0.8, 2.0, 0.1)
    with pytest.raises(ValueError, match="odd function of unit slope"):
        replica_state(0.8, 0.0, 0.1, transfer=lambda x: 2 * x)
