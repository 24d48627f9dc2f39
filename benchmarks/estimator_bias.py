"""Bias and standard deviation of the estimators at stated sample sizes, against exact values: the tables of docs/estimators.md.

    OPENBLAS_NUM_THREADS=1 python benchmarks/estimator_bias.py

The rates are those of one neuron r that senses a velocity v, 20000 samples of both, by the exact law of a step; mutual
information is that of two normal variables in independent samples, and of a neuron tuned to the square of v. Every number is
of independent recordings, each analysed by itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import numpy as np

from nessmap import estimators
from nessmap.estimators import Estimate
from nessmap.theory import gaussian
from nessmap.theory.sampled_transfer_entropy import sampled_transfer_entropy_rate
from nessmap.theory.uncertainty_relations import short_time_bound

DRIFT, DIFFUSION = np.array([[-0.5, 0.0], [4.0, -2.0]]), np.diag([0.35, 0.3])
N_TIME = 20000


def recordings(dt: float, n_run: int, seed: int) -> np.ndarray:
    """(n_run, N_TIME, 2), stationary."""
    random, step = np.random.default_rng(seed), gaussian.propagator(DRIFT, DIFFUSION, dt)
    kick = np.linalg.cholesky(step.covariance)
    start = np.linalg.cholesky(gaussian.stationary_covariance(DRIFT, DIFFUSION))
    values = np.empty((N_TIME, n_run, 2))
    values[0] = random.normal(size=(n_run, 2)) @ start.T
    for time in range(1, N_TIME):
        values[time] = values[time - 1] @ step.matrix.T + random.normal(size=(n_run, 2)) @ kick.T
    return values.swapaxes(0, 1)


def row(name: str, exact: float, continuum: float | None, found: Iterable[Estimate]) -> None:
    """One line: exact value, bias with its error, spread of one run, rms of the errors it claims, share of |z| < 2."""
    value, error = np.array([[one.value, one.standard_error] for one in found]).T
    bias, spread = value.mean() - exact, value.std(ddof=1)
    known = np.isfinite(error)
    claimed = f"{np.sqrt(np.mean(error[known] ** 2)):.2g}" if known.any() else "none"
    share = f"{100 * np.mean(np.abs(value - exact)[known] < 2 * error[known]):.0f} %" if known.any() else ""
    limit = "" if continuum is None else f" {continuum:.4g} |"
    shown = f"{bias:+.2g} ± {spread / np.sqrt(len(value)):.1g}"
    print(f"| {name} |{limit} {exact:.4g} | {shown} | {spread:.2g} | {claimed} | {share} |")


def head(first: str, continuum: bool) -> None:
    columns = [
        first,
        *(["continuous time"] if continuum else []),
        "exact",
        "bias",
        "standard deviation",
        "claimed error",
        "within 2",
    ]
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def dissipation(n_run: int) -> None:
    """Entropy production at three spacings."""
    limit = gaussian.entropy_production_rate(DRIFT, DIFFUSION)
    head("entropy production rate", True)
    for seed, dt in enumerate((0.01, 0.05, 0.2)):
        bounds = [short_time_bound(DRIFT, DIFFUSION, stride * dt) for stride in (1, 2, 4)]
        kinds: dict[str, tuple[float, Callable[..., Estimate]]] = {
            "fitted linear model": (limit, estimators.entropy_production_rate),
            "bound by short steps": (bounds[0], estimators.short_time_bound),
            "extrapolated to dt = 0": (
                (8 * bounds[0] - 6 * bounds[1] + bounds[2]) / 3,
                estimators.extrapolated_short_time_bound,
            ),
        }
        values = recordings(dt, n_run, seed)
        for name, (exact, estimator) in kinds.items():
            row(f"{name}, dt = {dt:g}", exact, limit, [estimator(run, dt) for run in values])


def transfer(n_run: int) -> None:
    """Transfer entropy at two spacings, with three lengths of history."""
    head("transfer entropy rate", True)
    for seed, dt in ((1, 0.05), (2, 0.2)):
        values = recordings(dt, n_run, seed)
        for source, target in ((0, 1), (1, 0)):
            limit = gaussian.transfer_entropy_rate(DRIFT, DIFFUSION, [source], [target])
            for n_history in (1, 4, 12):
                exact = sampled_transfer_entropy_rate(DRIFT, DIFFUSION, [source], [target], dt, n_history)
                found = [estimators.transfer_entropy_rate(run, dt, [source], [target], n_history) for run in values]
                name = f"{'vr'[source]} to {'vr'[target]}, dt = {dt:g}, history {n_history}"
                row(name, 0.0 if target == 0 else exact, limit, found)


def information(n_run: int) -> None:
    """Mutual information of independent samples."""
    head("mutual information", False)
    random = np.random.default_rng(9)
    for n_sample in (500, 5000):
        for correlation in (0.0, 0.3, 0.6, 0.9, 0.99):
            root = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
            samples = random.normal(size=(n_run, n_sample, 2)) @ root.T
            exact = -0.5 * np.log1p(-(correlation**2))
            for name, estimator in (
                ("Gaussian copula", estimators.mutual_information_copula),
                ("nearest neighbours", estimators.mutual_information_ksg),
            ):
                row(f"{name}, correlation {correlation:g}, n = {n_sample}", exact, None, map(estimator, samples))
    noise = random.normal(size=(n_run, 2000, 2))
    noise[..., 1] = noise[..., 0] ** 2 + 0.5 * noise[..., 1]
    exact = square_information(0.5)
    row("Gaussian copula, square and noise, n = 2000", exact, None, map(estimators.mutual_information_copula, noise))
    row("nearest neighbours, square and noise, n = 2000", exact, None, map(estimators.mutual_information_ksg, noise))


def square_information(width: float) -> float:
    """Mutual information of x and y = x^2 + width noise, both normal, by quadrature: entropy of y less that of the noise."""
    x = np.linspace(-8.0, 8.0, 8001)
    y = np.linspace(-6 * width, 64.0 + 6 * width, 20001)
    weight = np.exp(-(x**2) / 2)
    weight /= weight.sum()
    density = np.array([weight @ np.exp(-(((one - x**2) / width) ** 2) / 2) for one in y]) / (
        np.sqrt(2 * np.pi) * width
    )
    density = density[density > 0]
    entropy = -np.sum(density * np.log(density)) * (y[1] - y[0])
    return float(entropy - 0.5 * np.log(2 * np.pi * np.e * width**2))


TABLES = {"dissipation": dissipation, "transfer": transfer, "information": information}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("tables", nargs="*", choices=[*TABLES, []], help="default: all")
    arguments.add_argument("--runs", type=int, default=100, help="recordings per line; default: 100")
    chosen = arguments.parse_args()
    print(f"{chosen.runs} recordings per line, {N_TIME} samples each for rates")
    for name in chosen.tables or TABLES:
        TABLES[name](chosen.runs)


if __name__ == "__main__":
    main()
