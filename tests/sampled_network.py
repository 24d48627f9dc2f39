"""Sample the quasi-potential of a few networks without the sweep engine."""

import numpy as np

from nessmap.model import Run
from nessmap.models.quasi_potential import QuasiPotential
from nessmap.observables import OBSERVABLES
from nessmap.protocols.sampler import Sampler
from nessmap.simulate import Unit, group_means, rounded_up, simulate
from nessmap.statistics.jackknife import jackknife


def chains(model, n_iteration, *, n_lane=16, key=1):
    """Every rung's states (n_iteration, n_neuron, n_rung n_lane), and the scalars of the lowest, after the burn-in."""
    sampler = Sampler(model, Run(1.0, n_iteration, n_lane), key, 0, n_lane)
    state = sampler.start()
    states, scalars = [], []
    for _ in range(n_iteration):
        state, block = sampler.advance(state, 1)
        states.append(state.x)
        scalars.append({name: values[0].copy() for name, values in block.scalars.items()})
    return np.array(states), {name: np.array([one[name] for one in scalars]) for name in scalars[0]}


def z_of_lanes(values, expected):
    """(...) z-scores of means over iterations (axis 0), their errors from the spread over the last axis, the lanes."""
    means = values.mean(axis=0)
    error = means.std(axis=-1, ddof=1) / np.sqrt(means.shape[-1])
    return (means.mean(axis=-1) - expected) / error


def units(parameters, n_iteration, *, n_disorder=16, n_replica=16, statistics=("sampled_moments",), seed=1):
    """The units of a point."""
    n_step = rounded_up(n_iteration, QuasiPotential(**parameters).n_dim, "sampler")
    facts = (n_step, statistics, True, None, None, n_replica * n_disorder, n_disorder)
    return [
        Unit("quasi_potential", parameters, "sampler", 1.0, seed, 128 * k, n_replica, *facts) for k in range(n_disorder)
    ]


def observed(parameters, n_iteration, names, **settings):
    """{observable: (estimate, theory or None)} of a point."""
    statistics = tuple(sorted({need for name in names for need in OBSERVABLES[name].needs}))
    made = units(parameters, n_iteration, statistics=statistics, **settings)
    sums = [{record.name.statistic: record.array for record in simulate(unit)} for unit in made]
    for one in sums:
        one.pop("restart_state")
    means, model, run = group_means(made, sums), QuasiPotential(**parameters), made[0].run
    predictions = model.theory(None)
    found = {}
    for name in names:
        observable = OBSERVABLES[name]
        needed = {need: means[need] for need in observable.needs}
        estimate = jackknife(lambda m, o=observable: o.value(model, run, m), needed)
        found[name] = estimate, observable.theory(model, run, predictions)
    return found
