"""STATISTICS: what is stored. Additive over blocks of trajectory, named and versioned; one line per statistic here."""

from __future__ import annotations

from typing import Any

from nessmap.statistics.bump_amplitude import BumpAmplitude
from nessmap.statistics.memory import MemoryEntries
from nessmap.statistics.moments import Covariance, LaggedCovariance
from nessmap.statistics.network import (
    NetworkAutocorrelation,
    NetworkGains,
    NetworkOverlaps,
    NetworkSums,
    TangentGrowth,
)
from nessmap.statistics.neurons import (
    ActivityHistogram,
    ActivityMoments,
    InnovationProducts,
    NeuronHeat,
    PathInformation,
    ScoreMoments,
)
from nessmap.statistics.particle import EntropyExponential, ParticlePath, ParticleRates, WorkExponential
from nessmap.statistics.passages import Passages
from nessmap.statistics.path_entropy import PathEntropy, SiteMoments, TwinEntropy
from nessmap.statistics.relaxation import RelaxingMoments
from nessmap.statistics.sampling import Mixing, ReplicaOverlaps, SampledMoments, TemperatureSlope
from nessmap.statistics.statistic import N_GROUP, Statistic
from nessmap.statistics.velocity_current import VelocityCurrent
from nessmap.statistics.windows import PathEntropyWindows, Periodogram

STATISTICS: dict[str, Statistic[Any]] = {
    "covariance": Covariance(),
    "lagged_covariance": LaggedCovariance(),
    "site_moments": SiteMoments(),
    "path_entropy": PathEntropy(),
    "twin_entropy": TwinEntropy(),
    "bump_amplitude": BumpAmplitude(),
    "path_entropy_windows": PathEntropyWindows(),
    "velocity_current": VelocityCurrent(),
    "neuron_heat": NeuronHeat(),
    "activity_moments": ActivityMoments(),
    "activity_histogram": ActivityHistogram(),
    "score_moments": ScoreMoments(),
    "path_information": PathInformation(),
    "innovation_products": InnovationProducts(),
    "periodogram": Periodogram(),
    "relaxing_moments": RelaxingMoments(),
    "sampled_moments": SampledMoments(),
    "replica_overlaps": ReplicaOverlaps(),
    "temperature_slope": TemperatureSlope(),
    "mixing": Mixing(),
    "network_sums": NetworkSums(),
    "tangent_growth": TangentGrowth(),
    "network_overlaps": NetworkOverlaps(),
    "network_autocorrelation": NetworkAutocorrelation(),
    "network_gains": NetworkGains(),
    "particle_rates": ParticleRates(),
    "particle_path": ParticlePath(),
    "work_exponential": WorkExponential(),
    "entropy_exponential": EntropyExponential(),
    "memory_entries": MemoryEntries(),
    "passages": Passages(),
}

__all__ = ["N_GROUP", "STATISTICS", "Statistic"]
