"""Error bars of sensing neurons over sweeps: z-scores against exact expectations follow Student's t with 15 degrees of freedom.

As tests/test_calibration.py for fields. Left out are expectations that are not exact, and rates that vanish by a theorem and
cannot be negative, which the product gives no z-score either: their estimates are quadratic in the noise.
"""

from typing import NamedTuple

import numpy as np
import pytest

from nessmap.model import Start
from nessmap.models.learning_chain import LearningChain
from nessmap.models.nonlinear_sensing_network import NonlinearSensingNetwork
from nessmap.models.plastic_synapse import PlasticSynapse
from nessmap.models.sensing_network import LinearSensingNetwork
from nessmap.observables import OBSERVABLES
from nessmap.statistics.calibration import calibration
from sampling import EVERYDAY, LANES, estimates, group_means, observed, run_of

CORRELATION_TIMES = 1000
DT = 0.05
MIXED = {"n_neuron": 2, "rate_heterogeneity": 0.4, "recurrence": 1.0, "recurrence_kind": "antisymmetric"}
TIMES = [8, 25, 50]  # of a relaxation, far enough apart to be nearly independent
SLOW = "speed_limit"  # matrix roots for each time and group, a second a cell


class Cell(NamedTuple):
    """A model and how it is run."""

    model: object
    start: Start | None = None
    n_lane: int = LANES
    duration: float = 20.0


def linear_networks():
    """7 signals x 8 rates x 2 networks = 112 cells."""
    for signal in np.geomspace(0.1, 20.0, 7):
        for ratio in np.geomspace(0.3, 8.0, 8):
            for more in ({}, MIXED):
                yield Cell(LinearSensingNetwork(signal_to_noise=signal, rate_ratio=ratio, **more))


def tuned_networks():
    """5 curves x 4 signals x 3 rates x 2 networks = 120 cells."""
    curves = [{"tuning": "linear"}, {"tuning": "power", "exponent": 0.5}, {"tuning": "quadratic"}]
    curves += [{"tuning": "tanh", "slope": 2.0}, {"tuning": "threshold", "threshold": 0.3}]
    for curve in curves:
        for signal in np.geomspace(0.3, 10.0, 4):
            for ratio in (0.5, 2.0, 6.0):
                for more in ({}, {"n_neuron": 3, "threshold_spread": 0.5, "recurrence": 0.4}):
                    spread = {k: v for k, v in more.items() if k != "threshold_spread" or curve["tuning"] == "tanh"}
                    model = NonlinearSensingNetwork(signal_to_noise=signal, rate_ratio=ratio, **curve, **spread)
                    yield Cell(model, duration=100.0)


def paths_of_linear_tuning():
    """6 signals x 5 rates x 2 networks = 60 cells, whose paths are Gaussian."""
    for signal in np.geomspace(0.3, 20.0, 6):
        for ratio in np.geomspace(0.3, 5.0, 5):
            for more in ({}, MIXED):
                yield Cell(NonlinearSensingNetwork(signal_to_noise=signal, rate_ratio=ratio, tuning="linear", **more))


def chains():
    """6 signals x 5 rates x 2 rates of synapses x 2 signals of synapses = 120 cells."""
    for signal in np.geomspace(0.3, 20.0, 6):
        for ratio in np.geomspace(0.5, 6.0, 5):
            for slow in (0.2, 1.0):
                for learnt in (0.5, 3.0):
                    own = {"synapse_rate_ratio": slow, "synapse_signal_to_noise": learnt}
                    sides = "inputs and synapses"
                    yield Cell(LearningChain(signal_to_noise=signal, rate_ratio=ratio, sides_are=sides, **own))


def relaxing_networks():
    """5 signals x 3 rates x 2 networks x 2 starts = 60 cells of three times."""
    for signal in np.geomspace(0.3, 10.0, 5):
        for ratio in (0.5, 2.0, 6.0):
            for more in ({}, MIXED):
                for start in (Start(0.5, 0.0, 0.0), Start(1.0, 0.3, 0.2)):
                    model = LinearSensingNetwork(signal_to_noise=signal, rate_ratio=ratio, **more)
                    yield Cell(model, start, 512, 4.0)


def plastic_synapses():
    """6 gains x 5 durations x 2 numbers = 60 cells of three times."""
    for gain in np.geomspace(0.7, 5.0, 6):
        for duration in np.linspace(0.6, 2.0, 5):
            for n_synapse in (1, 3):
                model = PlasticSynapse(learning_gain=gain, stimulus_duration=duration, n_synapse=n_synapse)
                yield Cell(model, Start(), 1024, 4.0)


def exact_expectations(model, run, names):
    """{observable: mean of its estimator} where it is exact, and not 0 of what cannot be negative."""
    theory, known = model.theory(names), {}
    for name in names:
        prediction = OBSERVABLES[name].expected(model, run, theory)
        if prediction is None or prediction.kind != "exact":
            continue
        value = np.asarray(prediction.value, float)
        known[name] = value if OBSERVABLES[name].signed else np.where(value == 0, np.nan, value)
    return {name: value for name, value in known.items() if np.isfinite(value).any()}


def z_scores_of(cell, key, statistics):
    """{observable: z} of a cell."""
    model, kind = cell.model, "transient" if cell.start else "stationary"
    shortest = 0.0 if cell.start else CORRELATION_TIMES / (cell.n_lane * -model.stability().leading_rate)
    duration = max(cell.duration, shortest)
    run = run_of(DT, duration, cell.n_lane, model.n_dim, kind, cell.start)
    how = {"duration": duration, "n_lane": cell.n_lane, "kind": kind, "start": cell.start, "statistics": statistics}
    means = group_means(model, dt=DT, key=key, **how)
    known = exact_expectations(model, run, [name for name in observed(model, kind, statistics) if name != SLOW])
    scores = {}
    for name, (value, error) in estimates(model, means, DT, list(known), run).items():
        with np.errstate(invalid="ignore", divide="ignore"):
            z = (value - known[name]) / error
        scores[name] = z[TIMES] if np.ndim(z) else np.ravel(z)
    return scores


SWEEPS = {
    "linear networks": (linear_networks, (*EVERYDAY, "velocity_current")),
    "tuned networks": (tuned_networks, ("neuron_heat", "activity_moments", "score_moments")),
    "paths": (paths_of_linear_tuning, ("path_information",)),
    "chains": (chains, EVERYDAY),
    "relaxing networks": (relaxing_networks, ("relaxing_moments",)),
    "plastic synapses": (plastic_synapses, ("memory_entries",)),
}
LEAST = 50  # scores of an observable


@pytest.mark.slow
@pytest.mark.parametrize("sweep", SWEEPS)
def test_z_scores_of_sensing_neurons_are_calibrated(sweep):
    cells, statistics = SWEEPS[sweep]
    scores = {}
    for number, cell in enumerate(cells()):
        for name, z in z_scores_of(cell, number + 20251018, statistics).items():
            scores.setdefault(name, []).append(z)
    found = {name: calibration(np.concatenate(z)) for name, z in scores.items()}
    for name, result in found.items():
        assert result.n >= LEAST, (name, result)
        assert min(result.p_value, result.spread_p_value) > 0.001 / len(found), (name, result)
