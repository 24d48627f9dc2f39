"""Speed of the random network against numpy's BLAS, and against jax where that is installed, interleaved on one core.

    python benchmarks/random_network.py

Prints updates (steps x neurons x lanes) per second and, per peer, the median and range over rounds of the ratio of process CPU
times. All take the same Heun step with the same J, dt, lanes and float64; ours also sums |F|^2, |x|^2, |phi|^2, phi' and the
work along the path, which the peers do not. OPENBLAS_CORETYPE=SkylakeX may help numpy where it does not know the processor.
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
from nessmap.models.random_network import RandomNetwork
from nessmap.protocols import PROTOCOLS

DT, LANES = 0.05, 48


def seconds(function: Callable[[], object]) -> float:
    """Process CPU time of a call."""
    began = time.process_time()
    function()
    return time.process_time() - began


def by_nessmap(model: RandomNetwork, n_step: int) -> Callable[[], object]:
    protocol = PROTOCOLS["stationary"](model, Run(DT), 5, 0, LANES)

    def run() -> None:
        state, length = protocol.rough_start(), protocol.steps_per_block(model.n_dim)
        while state.step < n_step:
            state, _ = protocol.advance(state, length)

    return run


def by_numpy(model: RandomNetwork, n_step: int) -> Callable[[], object]:
    generator = np.random.Generator(np.random.SFC64(1))
    strength, weights = np.sqrt(2 * DT * model.noise_strength), model.weights

    def run() -> None:
        x = np.zeros((model.n_neuron, LANES))
        for _ in range(n_step):
            noise = strength * generator.standard_normal(x.shape)
            first = weights @ np.tanh(x) - x
            guess = x + DT * first + noise
            x = x + DT / 2 * (first + weights @ np.tanh(guess) - guess) + noise

    return run


def by_jax(model: RandomNetwork, n_step: int) -> Callable[[], object]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    weights, strength = jnp.asarray(model.weights), float(np.sqrt(2 * DT * model.noise_strength))

    def step(carry, _):
        x, key = carry
        key, own = jax.random.split(key)
        noise = strength * jax.random.normal(own, x.shape, dtype=x.dtype)
        first = weights @ jnp.tanh(x) - x
        guess = x + DT * first + noise
        return (x + DT / 2 * (first + weights @ jnp.tanh(guess) - guess) + noise, key), None

    @jax.jit
    def path(x, key):
        return jax.lax.scan(step, (x, key), None, length=n_step)[0][0]

    start, key = jnp.zeros((model.n_neuron, LANES)), jax.random.PRNGKey(1)
    return lambda: path(start, key).block_until_ready()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for n_neuron, n_step in ((100, 2000), (1000, 40)):
        model = RandomNetwork(n_neuron=n_neuron, gain=2.0, noise_strength=0.5).realisation(0, 1)
        runs = {"nessmap": by_nessmap(model, n_step), "numpy": by_numpy(model, n_step)}
        try:
            runs["jax"] = by_jax(model, n_step)
        except ImportError:
            print("jax is not installed: left out")
        for run in runs.values():
            run()  # compile, and warm the caches
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                taken[name].append(seconds(run) / (n_step * n_neuron * LANES))
        for name, times in taken.items():
            ratio = np.array(times) / np.array(taken["nessmap"])
            print(
                f"{n_neuron:5d} neurons, {LANES} lanes: {name:8s} {1e-6 / np.median(times):7.1f} M updates/s, "
                f"nessmap is {np.median(ratio):5.2f} ({ratio.min():.2f} - {ratio.max():.2f}) times as fast"
            )


if __name__ == "__main__":
    main()
