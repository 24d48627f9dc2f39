"""Speed of the nonlinear field against numpy's FFT, and against jax where that is installed, interleaved on one core.

    python benchmarks/nonlinear_field.py

Prints updates (steps x sites x lanes) per second and, per peer, the median and range over rounds of the ratio of process CPU
times. All take the same Heun step of the same field with the same dt, lanes, white noise and float64; ours also with entropy
production and moments, which the peers do not compute. Ours runs 128 lanes, as sweeps do; the peers 48 and 128.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np

from nessmap.model import Run
from nessmap.models.nonlinear_field import NonlinearField
from nessmap.protocols import PROTOCOLS
from nessmap.statistics import STATISTICS

DT, LANES = 0.05, 128


def seconds(function: Callable[[], object]) -> float:
    """Process CPU time of a call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def by_nessmap(model: NonlinearField, n_step: int, with_statistics: bool) -> Callable[[], object]:
    protocol = PROTOCOLS["stationary"](model, Run(DT), 5, 0, LANES)
    wanted = [STATISTICS[name] for name in ("path_entropy", "site_moments")] if with_statistics else []

    def run() -> None:
        state, length = protocol.rough_start(), max(10, protocol.steps_per_block(model.n_dim))
        sums = [statistic.zero(model) for statistic in wanted]
        while state.step < n_step:
            state, block = protocol.advance(state, length)
            for statistic, total in zip(wanted, sums, strict=True):
                statistic.accumulate(total, model, block)

    return run


def by_numpy(model: NonlinearField, n_step: int, n_lane: int) -> Callable[[], object]:
    generator = np.random.Generator(np.random.SFC64(1))
    spectrum = np.fft.rfft(model.weights[:, 0])[:, None]
    strength = np.sqrt(2 * DT * model.noise_covariance[0, 0])

    def drift(u: np.ndarray) -> np.ndarray:
        response = 0.5 + 0.5 * np.tanh(0.5 * model.slope * (u - model.threshold))
        return np.fft.irfft(spectrum * np.fft.rfft(response, axis=0), n=len(u), axis=0) + model.input - u

    def run() -> None:
        u = np.zeros((model.n_site, n_lane))
        for _ in range(n_step):
            noise = strength * generator.standard_normal(u.shape)
            first = drift(u)
            u = u + DT / 2 * (first + drift(u + DT * first + noise)) + noise

    return run


def by_jax(model: NonlinearField, n_step: int, n_lane: int) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    spectrum = jnp.fft.rfft(model.weights[:, 0])[:, None]
    strength = float(np.sqrt(2 * DT * model.noise_covariance[0, 0]))

    def drift(u):
        response = jax.nn.sigmoid(model.slope * (u - model.threshold))
        return jnp.fft.irfft(spectrum * jnp.fft.rfft(response, axis=0), n=model.n_site, axis=0) + model.input - u

    def step(carry, _):
        u, key = carry
        key, own = jax.random.split(key)
        noise = strength * jax.random.normal(own, u.shape, dtype=u.dtype)
        first = drift(u)
        return (u + DT / 2 * (first + drift(u + DT * first + noise)) + noise, key), None

    @jax.jit
    def path(u, key):
        return jax.lax.scan(step, (u, key), None, length=n_step)[0][0]

    start, key = jnp.zeros((model.n_site, n_lane)), jax.random.PRNGKey(1)
    return lambda: path(start, key).block_until_ready()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for n_site in (64, 256, 1024):
        model = NonlinearField(n_site=n_site, length=n_site / 4, kernel_width=1.0, shift=0.3, threshold=0.3)
        n_step = 200_000 // n_site // 10 * 10
        runs = {
            "steps": (by_nessmap(model, n_step, False), LANES),
            "steps, entropy, moments": (by_nessmap(model, n_step, True), LANES),
            **{f"numpy FFT, {lanes} lanes": (by_numpy(model, n_step, lanes), lanes) for lanes in (48, 128)},
        }
        try:
            runs |= {f"jax, {lanes} lanes": (by_jax(model, n_step, lanes), lanes) for lanes in (48, 128)}
        except ImportError:
            print("jax is not installed: left out")
        for run, _ in runs.values():
            run()  # compile, and warm the caches
        taken = {name: [] for name in runs}
        for _ in range(rounds):
            for name, (run, lanes) in runs.items():
                taken[name].append(seconds(run) / (n_step * n_site * lanes))
        for name, times in taken.items():
            ratio = np.array(times) / np.array(taken["steps"])
            print(
                f"ring of {n_site:4d}: {name:24s} {1e-6 / np.median(times):7.1f} M updates/s, "
                f"steps are {np.median(ratio):5.2f} ({ratio.min():.2f} - {ratio.max():.2f}) times as fast"
            )


if __name__ == "__main__":
    main()
