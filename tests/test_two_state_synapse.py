"""Synapses with two states: the propagator, the count that knows the sign, what writing costs, and honest errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, SENSING
from nessmap.model import Run
from nessmap.models.two_state_synapse import TwoStateSynapse
from nessmap.protocols import PROTOCOLS
from nessmap.statistics.calibration import calibration
from sampling import estimates, expectations, group_means, observed, run_of

DT = 0.25
KEPT = ("memory_entries",)


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("two_state_synapse")])
def test_predictions_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    rates = {rate: case[rate] for rate in ("write_up", "write_down", "rest_up", "rest_down")}
    times = np.array([case["t_s"], case["t_s"] + case["t_after"]])
    model = TwoStateSynapse(stimulus_duration=case["t_s"], **rates)
    found = {
        "I_at_ts": model.information_at(times)[0],
        "EP_write": model.production_at(times)[0],
        "EP_per_bit": model.theory()["cost_per_bit"].value,
        "I_after": model.information_at(times)[1],
    }
    for quantity in expected:
        kind, _, many = quantity.rpartition("_N")
        if kind:
            more = TwoStateSynapse(n_synapse=int(many), stimulus_duration=case["t_s"], **rates)
            found[quantity] = more.information_at(times)[0 if kind == "I_at_ts" else 1]
    assert found == pytest.approx({quantity: expected[quantity] for quantity in found}, rel=ORACLE)


def test_the_memory_lasts_until_the_threshold_is_crossed():
    model = TwoStateSynapse(n_synapse=5, stimulus_duration=1.0, memory_threshold=0.05)
    end = np.array(1.0 + model.memory_lifetime)
    assert float(model.information_at(end)) == pytest.approx(0.05, rel=1e-9)
    assert TwoStateSynapse(memory_threshold=0.7).memory_lifetime == 0.0  # more than one bit


def test_states_jump_as_the_propagator_says_and_heat_counts_the_jumps():
    model = TwoStateSynapse(
        n_synapse=6, write_up=1.5, write_down=0.3, rest_up=0.2, rest_down=0.1, stimulus_duration=1.0
    )
    n_lane = 1 << 13
    protocol = PROTOCOLS["transient"](model, Run(DT, 50, n_lane), 3, 0, n_lane)
    x = protocol.advance(protocol.start(), 50)[1].x
    sign, states = x[0, 0], x[:, 1:-1]
    assert set(np.unique(states)) == {0.0, 1.0}
    for n, rates in ((2, (1.5, 0.3)), (10, (0.2, 0.1))):
        for positive in (True, False):
            up, down = rates if positive or n > 4 else rates[::-1]
            for before in (0.0, 1.0):
                goal = up / (up + down)
                chance = goal + (before - goal) * math.exp(-(up + down) * DT)
                seen = states[n + 1][:, (sign > 0) == positive][states[n][:, (sign > 0) == positive] == before]
                # five standard errors
                assert abs(seen.mean() - chance) < 5 * math.sqrt(chance * (1 - chance) / len(seen))
    written, forgotten = (states[4] - states[0]).sum(axis=0), (states[50] - states[4]).sum(axis=0)
    heat = np.log(5.0) * sign * written + np.log(2.0) * forgotten
    np.testing.assert_allclose(x[50, -1], heat, atol=1e-12)
    # synapses know each other by the sign alone
    inside = states[4][:, sign > 0]
    matrix = np.corrcoef(inside)[np.triu_indices(6, 1)]
    assert np.abs(matrix).max() < 5 / math.sqrt(inside.shape[1])


@pytest.mark.slow
@given(*(4 * [st.floats(0.3, 3.0)]), st.floats(0.1, 1.0), st.integers(1, 20))
@EXAMPLES
def test_information_never_exceeds_what_was_produced(up, down, rest_up, rest_down, stimulus, n_synapse):
    model = TwoStateSynapse(
        n_synapse=n_synapse,
        write_up=up,
        write_down=down,
        rest_up=rest_up,
        rest_down=rest_down,
        stimulus_duration=stimulus,
    )
    times = np.linspace(0.0, 3 * stimulus, 12)
    information, production = model.information_at(times), model.production_at(times)
    assert (information <= production + 1e-12).all()
    assert (np.diff(production) >= -1e-12 * (1 + production[-1])).all()
    assert information.max() <= math.log(2) + 1e-12
    # production is heat and the growth of the synapses' entropy, which begins and, much later, ends as it was at rest
    late = np.array([stimulus + 40 / (rest_up + rest_down)])
    np.testing.assert_allclose(model.heat_at(late), model.production_at(late), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_estimates_agree_with_theory_and_their_errors_are_honest():
    scores = {}
    random = np.random.default_rng(6)
    for key in range(60):
        model = TwoStateSynapse(
            n_synapse=int(random.integers(1, 7)),
            write_up=float(random.uniform(0.8, 2.0)),
            rest_up=0.05,
            rest_down=0.03,
            stimulus_duration=float(random.choice([0.5, 1.0, 2.0])),
            memory_threshold=0.1,
        )
        run = run_of(DT, 50.0, 4096, model.n_dim, "transient")
        how = {"dt": DT, "duration": 50.0, "key": key, "n_lane": 4096, "kind": "transient"}
        means = group_means(model, statistics=KEPT, **how)
        names = observed(model, "transient", KEPT)
        found, expected = estimates(model, means, DT, names, run), expectations(model, DT, names, run)
        for name, value in expected.items():
            error = found[name].standard_error
            z = np.atleast_1d((found[name].value - value) / np.where(error > 0, error, np.nan))
            # a few separate times: neighbours are correlated
            scores.setdefault(name, []).extend(z[[3, 15]] if len(z) == len(run.times) else z)
    for name, z in scores.items():
        found = calibration(z)
        assert found.n > 30, name
        # twelve p-values: one below 1e-3 in a hundred suites
        assert min(found.p_value, found.spread_p_value) > 1e-3, (name, found)
