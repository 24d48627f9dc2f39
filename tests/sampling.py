"""Run one point without the sweep engine: simulate, average, jackknife."""

import numpy as np

from nessmap.model import Block, Run, Start
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS
from nessmap.simulate import Segments, rounded_up
from nessmap.statistics import N_GROUP, STATISTICS
from nessmap.statistics.jackknife import jackknife

LANES = 128
EVERYDAY = ("covariance", "lagged_covariance", "path_entropy_windows")  # what most observables need


def observed(model, kind="stationary", statistics=EVERYDAY):
    """Names of the observables that a model has in a kind of run, with these statistics."""
    return [
        name
        for name, o in OBSERVABLES.items()
        if o.defined_for(type(model)) and o.protocol == kind and set(o.needs_for(type(model))) <= set(statistics)
    ]


def run_of(dt=0.05, duration=50.0, n_lane=LANES, n_dim=1, kind="stationary", start=None):
    """The run that simulates at least a duration."""
    return Run(dt, rounded_up(round(duration / dt), n_dim, kind), n_lane, start or Start())


def group_means(
    model,
    *,
    dt=0.05,
    duration=50.0,
    key=1,
    n_lane=LANES,
    protocol=None,
    kind="stationary",
    start=None,
    statistics=EVERYDAY,
):
    """{statistic: (n, 16)} averages; `protocol` may be a changed protocol class."""
    run = run_of(dt, duration, n_lane, model.n_dim, kind, start)
    needed = {need for name in observed(model, kind, statistics) for need in OBSERVABLES[name].needs_for(type(model))}
    wanted = [STATISTICS[name] for name in statistics if name in needed]
    sums = {statistic.name: statistic.zero(model) for statistic in wanted}
    for first_lane in range(0, n_lane, LANES):
        lanes = (protocol or PROTOCOLS[kind])(model, run, key, first_lane, min(LANES, n_lane - first_lane))
        length = lanes.steps_per_block(model.n_dim)
        segments = {n: Segments(n) for n in {statistic.segment for statistic in wanted} - {0}}
        state = lanes.start()
        while state.step < run.n_step:
            state, block = lanes.advance(state, min(length, run.n_step - state.step))
            pieces = {0: block, **{n: segment.add(block) for n, segment in segments.items()}}
            for statistic in wanted:
                if pieces[statistic.segment] is not None:
                    statistic.accumulate(sums[statistic.name], model, pieces[statistic.segment])
    return {name: total * N_GROUP / (STATISTICS[name].n_term(run) * n_lane) for name, total in sums.items()}


def estimates(model, means, dt=0.05, names=None, run=None):
    """{observable: Estimate} of all observables that the model has."""
    facts = run or Run(dt)
    return {
        name: jackknife(
            lambda m, o=OBSERVABLES[name]: o.value(model, facts, m),
            {need: means[need] for need in OBSERVABLES[name].needs_for(type(model))},
        )
        for name in (observed(model) if names is None else names)
    }


def expectations(model, dt=0.05, names=None, run=None):
    """{observable: exact mean of its estimator}."""
    chosen, facts = observed(model) if names is None else names, run or Run(dt)
    theory = model.theory(chosen)
    predicted = {name: OBSERVABLES[name].expected(model, facts, theory) for name in chosen}
    return {name: prediction.value for name, prediction in predicted.items() if prediction is not None}


def z_scores(model, expected, means, dt=0.05, run=None):
    """{observable: z}, flattened; NaN where error and difference vanish by a theorem."""
    scores = {}
    for name, (value, error) in estimates(model, means, dt, list(expected), run).items():
        with np.errstate(invalid="ignore", divide="ignore"):
            scores[name] = np.ravel((value - expected[name]) / error)
    return scores


def trajectory(model, n_step, *, dt=0.05, key=1, n_lane=LANES) -> Block:
    """One block of trajectory from the stationary start."""
    run = PROTOCOLS["stationary"](model, Run(dt, n_step), key, 0, n_lane)
    _, block = run.advance(run.start(), n_step)
    return block


def trapezoids(model, x):
    """Work (n_step, n_lane) of the model's force along x (n_step + 1, n_dim, n_lane), by trapezoids."""
    along = np.moveaxis(x, 1, 0)[: model.n_field]
    force = model.force(along)
    return ((force[:, 1:] + force[:, :-1]) / 2 * np.diff(along, axis=1)).sum(axis=0)
