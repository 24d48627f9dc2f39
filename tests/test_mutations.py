"""Which observable would notice which mistake of 2 %: a table of what is seen and what is provably not, held twice.

Once without chance: the exact moments of the mistaken simulation go through the estimator. And once in a run of the length that
the table was made for.
"""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from mutations import BLIND, BOUND, SEEN, SPECTRUM, Mutation
from mutations_at_sites import FAMILIES
from nessmap.observables import OBSERVABLES
from nessmap.statistics import STATISTICS
from sampling import estimates, expectations, group_means, observed, run_of

DT = 0.05
REJECTED = 1e-3
OF_WINDOWS = (BOUND, SPECTRUM)  # no functions of moments
LONG = {"ring": 50_000.0, "two populations": 25_000.0, "heterogeneous field": 50_000.0}  # runs for the bound
CASES = [(name, mutation) for name, family in FAMILIES.items() for mutation in family.mutations]


def run_of_family(family):
    return run_of(DT, family.duration, family.n_lane, family.right().n_dim, family.kind, family.start)


def chain_of(model):
    """Matrix and noise covariance of a step, from what the kernel is given."""
    coefficients = model.stepper(DT).coefficients
    n, own = model.n_dim, np.arange(model.n_dim)
    step, kick = np.zeros((n, n)), np.zeros((n, n))
    if model.kernel_file == "amari_field":
        keep, turn, partner, own_kick = coefficients
        np.add.at(step, (own, own), keep)
        np.add.at(step, (own, partner), turn)
        return step, np.diag(own_kick**2)
    for member, matrix, factor in zip(*coefficients, strict=True):
        step[np.ix_(member, member)], kick[np.ix_(member, member)] = matrix, factor
    return step, kick @ kick.T


def exact_means(model, run, kind):
    """{statistic: averages} of endlessly many lanes that the model's stepper drives."""
    step, noise = chain_of(model)
    first, second = model.correlated_pairs
    if kind == "stationary":
        n = model.n_dim
        covariance = np.linalg.solve(np.eye(n * n) - np.kron(step, step), noise.ravel()).reshape(n, n)
        earlier, later = model.lagged_pairs
        return {
            "covariance": covariance[first, second],
            "lagged_covariance": (step @ covariance)[later, earlier],
            "share": np.array(1.0),
        }
    mean, covariance, rows = model.initial_mean(run.start), run.start.variance * np.eye(model.n_dim), []
    for n in range(run.n_step + 1):
        if n % run.stride == 0:
            rows.append(np.concatenate([mean, (covariance + np.outer(mean, mean))[first, second]]))
        mean, covariance = step @ mean, step @ covariance @ step.T + noise
    return {"relaxing_moments": np.concatenate(rows), "share": np.array(1.0)}


def exact_changes(name, mutation):
    """{observable: largest change of its exact mean by the mutation, relative to its largest value}."""
    family, changed = FAMILIES[name], FAMILIES[name].mutations[mutation]
    run = run_of_family(family)._replace(n_replica=10**12)  # no correction for few lanes
    model = changed.model()
    right = expectations(family.right(), DT, family.observables, run)
    wrong_run = run._replace(start=changed.start or run.start)
    means = exact_means(model, wrong_run, family.kind)
    theory = expectations(model, DT, family.observables, wrong_run)
    found = {}
    for observable in family.observables:
        if observable not in OF_WINDOWS:
            value = OBSERVABLES[observable].value(model, wrong_run, means)
        elif "simulator" not in mutation:
            value = theory[observable]
        else:
            continue
        scale = np.abs(right[observable]).max()
        found[observable] = float(np.abs(value - right[observable]).max() / scale)
    return found


def p_values(name, mutation, key, names, duration=None):
    """Smallest two-sided p by observable, times the number of scores, against the right model's expectations."""
    family = FAMILIES[name]
    changed = family.mutations.get(mutation, Mutation(family.right, {}))
    duration, model, start = duration or family.duration, changed.model(), changed.start or family.start
    run = run_of(DT, duration, family.n_lane, model.n_dim, family.kind, family.start)
    expected = expectations(family.right(), DT, names, run)
    how = {"dt": DT, "duration": duration, "n_lane": family.n_lane, "kind": family.kind, "start": start, "key": key}
    means = group_means(
        model, **how, statistics=sorted({s for one in names for s in OBSERVABLES[one].needs_for(type(model))})
    )
    p = {}
    for observable, (value, error) in estimates(model, means, DT, names, run).items():
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.ravel((value - expected[observable]) / error)
        z = z[np.isfinite(z)]  # a mode without phase produces exactly nothing
        p[observable] = min(1.0, 2 * stats.t(15).sf(np.abs(z).max()) * len(z))
    return p


def check_sight(sight, p, reason):
    if sight is SEEN:
        assert p < REJECTED
    if sight is BLIND:
        assert p > REJECTED, reason


def through_moments(name):
    return [observable for observable in FAMILIES[name].observables if observable not in OF_WINDOWS]


@pytest.fixture(scope="module")
def measured():
    """p of every observable that is a function of moments, computed once for every case that is asked for."""
    return cache(lambda *case: p_values(*case, 77 + CASES.index(case), through_moments(case[0])))


QUICK = ("ring",)  # the exact means of every family are quick


def marked(cases):
    """The same, those of other families than QUICK marked slow."""
    return [pytest.param(*case, marks=[] if case[0] in QUICK else pytest.mark.slow) for case in cases]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_table_names_every_observable_of_the_model(name):
    family = FAMILIES[name]
    model = family.right()
    # bounds, and ratios of them to what the tables have, are held in tests/test_bounds_of_models.py
    names = [
        o for o in observed(model, family.kind, STATISTICS) if not type(OBSERVABLES[o]).__module__.endswith(".bounds")
    ]
    found = {
        o for o, exact in expectations(model, DT, names, run_of_family(family)).items() if np.isfinite(exact).all()
    }
    assert found == set(family.observables)
    for mutation in family.mutations.values():
        assert mutation.sight.keys() == found


@pytest.mark.parametrize(("name", "mutation"), CASES)
def test_exact_means_change_where_the_table_says_so_and_nowhere_else(name, mutation):
    sight = FAMILIES[name].mutations[mutation].sight
    for observable, change in exact_changes(name, mutation).items():
        if sight[observable] is BLIND:
            assert change < 1e-9, observable  # rounding of a Lyapunov equation
        else:
            # what is seen changes by a tenth of the mistake at least, what is too small by less than 1e-4 of it in one case
            assert change > (1e-3 if sight[observable] is SEEN else 1e-6), observable


@pytest.mark.parametrize(
    ("name", "observable"), [(name, o) for name, family in FAMILIES.items() for o in family.observables]
)
def test_every_observable_sees_something(name, observable):
    assert any(mutation.sight[observable] is SEEN for mutation in FAMILIES[name].mutations.values())


@pytest.mark.parametrize("name", marked([(name,) for name in FAMILIES]))
def test_without_mutation_nothing_is_seen(name):
    assert min(p_values(name, "", 76, through_moments(name)).values()) > REJECTED


@pytest.mark.parametrize(
    ("name", "mutation", "observable"), marked((*case, name) for case in CASES for name in through_moments(case[0]))
)
def test_table_of_mutations(measured, name, mutation, observable):
    changed = FAMILIES[name].mutations[mutation]
    check_sight(changed.sight[observable], measured(name, mutation)[observable], changed.reason)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mutation", "observable"),
    [(*case, o) for case in CASES for o in OF_WINDOWS if FAMILIES[case[0]].mutations[case[1]].sight.get(o) is SEEN],
)
def test_mutations_are_seen_through_windows(name, mutation, observable):
    """Squares of sums over windows are noisy, so that the bound takes runs ten times as long."""
    duration = LONG[name] if observable == BOUND else None
    assert p_values(name, mutation, 177, [observable], duration)[observable] < REJECTED
