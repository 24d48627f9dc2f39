"""Run one point without the sweep engine: simulate, average, jackknife."""

import numpy as np

from nessmap.model import Block
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.simulate import rounded_up
from nessmap.statistics import N_GROUP, STATISTICS
from nessmap.statistics.jackknife import jackknife

LANES = 128


def group_means(model, *, dt=0.05, duration=50.0, key=1, n_lane=LANES, protocol=None):
    """{statistic: (n, 16)} time averages; `protocol` may be a changed protocol class."""
    run = (protocol or PROTOCOLS["stationary"])(model, dt, key, 0, n_lane)
    length = run.steps_per_block(model.n_dim)
    n_step = rounded_up(round(duration / dt), model.n_dim, "stationary")
    sums = {name: statistic.zero(model) for name, statistic in STATISTICS.items()}
    state = run.start()
    while state.step < n_step:
        state, block = run.advance(state, length)
        for name, statistic in STATISTICS.items():
            statistic.accumulate(sums[name], model, block)
    return {name: total * N_GROUP / (n_step * n_lane) for name, total in sums.items()}


def estimates(model, means, dt=0.05, names=None):
    """{observable: Estimate} of all observables that the model has."""
    chosen = names or [name for name, o in OBSERVABLES.items() if o.defined_for(type(model))]
    return {
        name: jackknife(
            lambda m, o=OBSERVABLES[name]: o.finalize(model, dt, m),
            {need: means[need] for need in OBSERVABLES[name].needs},
        )
        for name in chosen
    }


def expectations(model, dt=0.05):
    """{observable: exact mean of its estimator}."""
    theory = model.theory()
    predicted = {name: o.expected(model, dt, theory) for name, o in OBSERVABLES.items() if o.defined_for(type(model))}
    return {name: prediction.value for name, prediction in predicted.items() if prediction is not None}


def z_scores(model, expected, means, dt=0.05):
    """{observable: z}, flattened; NaN where error and difference vanish by a theorem."""
    scores = {}
    for name, (value, error) in estimates(model, means, dt).items():
        with np.errstate(invalid="ignore", divide="ignore"):
            scores[name] = np.ravel((value - expected[name]) / error)
    return scores


def trajectory(model, n_step, *, dt=0.05, key=1, n_lane=LANES) -> Block:
    """One block of trajectory from the stationary start."""
    run = PROTOCOLS["stationary"](model, dt, key, 0, n_lane)
    _, block = run.advance(run.start(), n_step)
    return block
