"""Plastic synapses that keep what neurons learned of a velocity: bits in the weights, their cost, how long they last.

Linear learner, chain from velocity to neurons to synapses, and synapses with two states. docs/theory.md, "Plastic synapses".
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nessmap.theory import gaussian
from nessmap.theory.brownian import require_positive
from nessmap.theory.gaussian_stationary import Matrix
from nessmap.theory.sensing import NEURONS, SIGNAL, SensingNetwork

Array = NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True)
class LinearLearner:
    """n synapses of dw = -(w - lam v)/tau dt + sqrt(2 D_w) dW while a stimulus lasts, v drawn once; then -w/tau.

    The weights start from their stationary state without a stimulus. docs/theory.md (181)

    Parameters
    ----------
    learning_gain : lam [w/v].
    signal_variance : s2 [v^2].
    time_constant : tau [time].
    diffusion : D_w [w^2/time].
    n_synapse : with the same v and independent noise.
    signal_mean : of v; costs entropy and holds no information [v].
    """

    learning_gain: float
    signal_variance: float
    time_constant: float
    diffusion: float
    n_synapse: int = 1
    signal_mean: float = 0.0

    def __post_init__(self) -> None:
        values = {name: getattr(self, name) for name in ("signal_variance", "time_constant", "diffusion", "n_synapse")}
        require_positive("LinearLearner", **values)

    @property
    def signal_to_noise(self) -> float:
        """SNR = N lam^2 s2/(D_w tau), once learning is complete."""
        power = self.n_synapse * self.learning_gain**2 * self.signal_variance
        return power / (self.diffusion * self.time_constant)

    def information(self, stimulus_time: ArrayLike, since: ArrayLike = 0.0) -> Array:
        """Of the weights about v, a time after a stimulus of that duration  [nats].

        ln[1 + SNR (1 - e^(-t_s/tau))^2 e^(-2 t/tau)]/2                                            docs/theory.md (181)

        >>> float(LinearLearner(1.0, 1.0, 1.0, 1.0).information(3.0).round(12))
        0.3216907319
        """
        stimulus, after = (np.asarray(time, dtype=float) / self.time_constant for time in (stimulus_time, since))
        kept = np.expm1(-stimulus) ** 2 * np.exp(-2.0 * after)
        return np.asarray(0.5 * np.log1p(self.signal_to_noise * kept))

    def production(self, stimulus_time: ArrayLike) -> Array:
        """Entropy produced by learning, averaged over v  [k_B].

        SNR (1 - e^(-2 t_s/tau)) (1 + mean^2/s2)/2, >= information                                 docs/theory.md (181)

        >>> float(LinearLearner(1.0, 1.0, 1.0, 1.0).production(3.0).round(12))
        0.498760623912
        """
        stimulus = np.asarray(stimulus_time, dtype=float) / self.time_constant
        return np.asarray(-0.5 * self.signal_to_noise * self._power * np.expm1(-2.0 * stimulus))

    def forgetting_production(self, stimulus_time: ArrayLike) -> Array:
        """Entropy produced while the weights forget, after the stimulus has ended  [k_B].      docs/theory.md (181)"""
        stimulus = np.asarray(stimulus_time, dtype=float) / self.time_constant
        return np.asarray(0.5 * self.signal_to_noise * self._power * np.expm1(-stimulus) ** 2)

    def production_per_bit(self, stimulus_time: ArrayLike) -> Array:
        """production ln 2/information, >= ln 2; NaN where nothing is learned  [k_B/bit].

        The least, ln 2, is reached for SNR -> 0 and a long stimulus.

        >>> float(LinearLearner(1.0, 1.0, 1.0, 1.0).production_per_bit(3.0).round(12))
        1.074679765241
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(math.log(2.0) * self.production(stimulus_time) / self.information(stimulus_time))

    def memory_lifetime(self, stimulus_time: ArrayLike, threshold: float) -> Array:
        """Time after the stimulus until less than `threshold` nats are left, 0 if there never were  [time].

        (tau/2) ln[SNR_s/(e^(2 threshold) - 1)]                                                    docs/theory.md (181)

        >>> float(LinearLearner(1.0, 1.0, 1.0, 1.0).memory_lifetime(3.0, 0.01).round(12))
        1.899933988466
        """
        require_positive("memory_lifetime", threshold=threshold)
        stimulus = np.asarray(stimulus_time, dtype=float) / self.time_constant
        with np.errstate(divide="ignore"):
            lasting = np.log(self.signal_to_noise * np.expm1(-stimulus) ** 2 / math.expm1(2.0 * threshold))
        return np.asarray(0.5 * self.time_constant * np.maximum(lasting, 0.0))

    @property
    def _power(self) -> float:
        return 1.0 + self.signal_mean**2 / self.signal_variance


class Chain(NamedTuple):
    """Stationary velocity -> neurons -> synapses."""

    neuron_information: float
    """I(v; r) [nats]."""
    synapse_information: float
    """I(v; w) <= joint_information [nats]."""
    joint_information: float
    """I(v; (r, w)) [nats]."""
    neuron_entropy_flow: float
    """Heat of the neurons / T [k_B/time]."""
    synapse_entropy_flow: float
    """Heat of the synapses / T, >= synapse_information_flow [k_B/time]."""
    synapse_information_flow: float
    """Rate at which the motion of the synapses informs them of velocity and neurons [nats/time]."""
    entropy_production_rate: float
    """Of the whole, with an even velocity [k_B/time]."""
    transfer_entropy_from_signal: float
    """From v to (r, w) [nats/time]."""
    transfer_entropy_to_synapses: float
    """From (v, r) to w [nats/time]."""


def chain_system(
    network: SensingNetwork, synapse_gain: ArrayLike, synapse_rate: float, synapse_diffusion: float
) -> tuple[Matrix, Matrix]:
    """(A, D) of velocity, neurons and synapses dw_j = -omega (w_j - sum_i g_ji r_i) dt + sqrt(2 D_w) dW.

    docs/theory.md (182)

    Parameters
    ----------
    synapse_gain : g, (M, N), or (N,) for one synapse [w/r].
    synapse_rate : omega [1/time].
    synapse_diffusion : D_w [w^2/time].

    >>> chain_system(SensingNetwork(1.0, 1.0, [1.0], 2.0, 0.5), [1.0], 0.5, 0.1)[0].tolist()
    [[-1.0, 0.0, 0.0], [2.0, -2.0, 0.0], [0.0, 0.5, -0.5]]
    """
    require_positive("chain_system", synapse_rate=synapse_rate, synapse_diffusion=synapse_diffusion)
    gain = np.atleast_2d(np.asarray(synapse_gain, dtype=np.float64))
    if gain.ndim != 2 or gain.shape[1] != network.n_neuron:
        raise ValueError(f"synapse_gain: shape {gain.shape}, expected (synapses, {network.n_neuron})")
    before, n_synapse = 1 + network.n_neuron, len(gain)
    drift = np.zeros((before + n_synapse, before + n_synapse))
    drift[:before, :before] = network.drift_matrix
    drift[before:, NEURONS] = synapse_rate * np.hstack([gain, -np.eye(n_synapse)])
    noise = np.diag(np.concatenate([np.diag(network.diffusion_matrix), np.full(n_synapse, synapse_diffusion)]))
    return drift, noise


def chain(network: SensingNetwork, synapse_gain: ArrayLike, synapse_rate: float, synapse_diffusion: float) -> Chain:
    """Information and cost along the chain, exactly; arguments as `chain_system`.       docs/theory.md (23) to (29), (182)

    >>> found = chain(SensingNetwork(1.0, 1.0, [1.0], 2.0, 0.5), [1.0], 0.5, 0.1)
    >>> round(found.synapse_information, 12), round(found.entropy_production_rate, 12)
    (0.046062469521, 4.055555555556)
    """
    drift, noise = chain_system(network, synapse_gain, synapse_rate, synapse_diffusion)
    n_dim = len(drift)
    neurons, synapses = list(range(1, 1 + network.n_neuron)), list(range(1 + network.n_neuron, n_dim))
    covariance = gaussian.stationary_covariance(drift, noise)
    learned = gaussian.information_flow(drift, noise, synapses, SIGNAL + neurons)
    cost = gaussian.local_entropy_production(drift, noise, synapses, SIGNAL + neurons)
    total = gaussian.entropy_production_rate(drift, noise)
    return Chain(
        gaussian.mutual_information(covariance, SIGNAL, neurons),
        gaussian.mutual_information(covariance, SIGNAL, synapses),
        gaussian.mutual_information(covariance, SIGNAL, neurons + synapses),
        # the velocity is at equilibrium with its own bath: what is not the synapses' heat is the neurons'
        total - (cost + learned),
        cost + learned,
        learned,
        total,
        gaussian.transfer_entropy_rate(drift, noise, SIGNAL, neurons + synapses),
        gaussian.transfer_entropy_rate(drift, noise, SIGNAL + neurons, synapses),
    )


class TwoStateMemory(NamedTuple):
    """What N two-state synapses know of the sign of a stimulus, and what writing it cost."""

    up_after_positive: float
    """Probability that a synapse is strong when a positive stimulus ends."""
    up_after_negative: float
    information_written: float
    """When the stimulus ends, <= ln 2 and <= production [nats]."""
    production: float
    """Entropy produced by writing, of all synapses, mean over both signs [k_B]."""
    production_per_bit: float
    """NaN where nothing is written [k_B/bit]."""
    information_retained: float
    """After the retention [nats]."""


@dataclasses.dataclass(frozen=True)
class TwoStateSynapse:
    """p' = k_up (1 - p) - k_down p with rates that a stimulus changes; a negative one exchanges up and down.

    One reversible channel: nothing is produced at rest. docs/theory.md (186)

    Parameters
    ----------
    write_up, write_down : rates while a positive stimulus lasts [1/time].
    rest_up, rest_down : rates without a stimulus [1/time].
    """

    write_up: float
    write_down: float
    rest_up: float
    rest_down: float

    def __post_init__(self) -> None:
        require_positive("TwoStateSynapse", **dataclasses.asdict(self))

    def memory(self, stimulus_time: float, retention_time: float, n_synapse: int = 1) -> TwoStateMemory:
        """Write from rest for a time, then retain for another; signs of the stimulus are equally likely.

        EP = KL(p_0 || p_write) - KL(p_ts || p_write) per synapse;  I = information of the count of strong synapses
        docs/theory.md (186)

        >>> memory = TwoStateSynapse(2.0, 0.1, 0.01, 0.01).memory(1.0, 50.0)
        >>> round(memory.information_written, 12), round(memory.production, 12)
        (0.361487460738, 0.827770310388)
        """
        if n_synapse < 1:
            raise ValueError(f"n_synapse: {n_synapse}, expected at least 1")
        resting = self.rest_up / (self.rest_up + self.rest_down)
        writing = self.write_up + self.write_down
        fading = math.exp(-(self.rest_up + self.rest_down) * retention_time)
        cost = 0.0
        written, kept = [], []
        for up in (self.write_up, self.write_down):
            goal = up / writing
            end = goal + (resting - goal) * math.exp(-writing * stimulus_time)
            written.append(end)
            kept.append(resting + (end - resting) * fading)
            cost += 0.5 * n_synapse * (_divergence(resting, goal) - _divergence(end, goal))
        known = _count_information(written[0], written[1], n_synapse)
        per_bit = math.log(2.0) * cost / known if known > 0.0 else math.nan
        retained = _count_information(kept[0], kept[1], n_synapse)
        return TwoStateMemory(written[0], written[1], known, cost, per_bit, retained)

    def forgetting_production(self, stimulus_time: float, since: float, n_synapse: int = 1) -> float:
        """Entropy that all synapses produce in a time after the stimulus, mean over both signs  [k_B].

        KL(p_ts || p_rest) - KL(p_t || p_rest) per synapse                                         docs/theory.md (186)

        >>> round(TwoStateSynapse(2.0, 0.1, 0.01, 0.01).forgetting_production(1.0, 50.0), 12)
        0.318202554553
        """
        resting = self.rest_up / (self.rest_up + self.rest_down)
        fading = math.exp(-(self.rest_up + self.rest_down) * since)
        memory = self.memory(stimulus_time, 0.0)
        produced = 0.0
        for end in (memory.up_after_positive, memory.up_after_negative):
            later = resting + (end - resting) * fading
            produced += 0.5 * n_synapse * (_divergence(end, resting) - _divergence(later, resting))
        return produced

    def memory_lifetime(self, stimulus_time: float, threshold: float, n_synapse: int = 1) -> float:
        """Time after the stimulus until less than `threshold` nats are left, 0 if there never were  [time].

        >>> synapse = TwoStateSynapse(2.0, 0.1, 0.01, 0.01)
        >>> round(synapse.memory_lifetime(1.0, synapse.memory(1.0, 50.0).information_retained), 9)
        50.0
        """
        from scipy.optimize import brentq

        require_positive("memory_lifetime", threshold=threshold)

        def excess(since: float) -> float:
            return self.memory(stimulus_time, since, n_synapse).information_retained - threshold

        if excess(0.0) <= 0.0:
            return 0.0
        late = 1.0 / (self.rest_up + self.rest_down)
        while excess(late) > 0.0:
            late *= 2.0
        return float(brentq(excess, 0.0, late, xtol=1e-12 * late, rtol=1e-14))


def _divergence(p: float, reference: float) -> float:
    """KL of two Bernoulli laws, all probabilities inside (0, 1) [nats]."""
    return p * math.log(p / reference) + (1.0 - p) * math.log((1.0 - p) / (1.0 - reference))


def _count_information(first: float, second: float, n_synapse: int) -> float:
    """Mutual information of a fair sign and a count, binomial with either probability [nats]."""
    from scipy.special import gammaln

    count = np.arange(n_synapse + 1)
    ways = gammaln(n_synapse + 1) - gammaln(count + 1) - gammaln(n_synapse - count + 1)
    one, other = (ways + count * math.log(p) + (n_synapse - count) * math.log1p(-p) for p in (first, second))
    middle = np.logaddexp(one, other) - math.log(2.0)
    return max(float(0.5 * np.sum(np.exp(one) * (one - middle) + np.exp(other) * (other - middle))), 0.0)
