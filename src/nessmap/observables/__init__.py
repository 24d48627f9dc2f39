"""OBSERVABLES: what is shown. Pure functions of statistics; one line per observable here, in the order figures list them."""

from __future__ import annotations

from typing import Any

from nessmap.observables.bump import BumpPresence, RelativeBumpAmplitude
from nessmap.observables.coloured import (
    JointEntropyProductionRate,
    MarginalEntropyProductionRate,
    OddVelocityEntropyProductionRate,
)
from nessmap.observables.entropy_production import (
    EntropyProductionPerMode,
    EntropyProductionRate,
    EntropyProductionRateFitted,
    EntropyProductionRatePath,
)
from nessmap.observables.fluctuations import EntropyRelativeToUncoupled, SiteVariance, StructureFactor
from nessmap.observables.from_the_same_path import (
    EntropyProductionRateControlled,
    EntropyProductionRateExtrapolated,
    EntropyProductionRateExtrapolatedControlled,
    EntropyProductionRatePathControlled,
    WorkReduction,
    WorkReductionPath,
)
from nessmap.observables.information_flow import (
    EntropyFlow,
    InformationFlow,
    LocalEntropyProduction,
    SecondEntropyFlow,
    SecondLocalEntropyProduction,
    TransferEntropyRate,
    TransferEntropyRateBack,
)
from nessmap.observables.mutual_information import MutualInformation
from nessmap.observables.observable import Observable
from nessmap.observables.relaxation import (
    Divergence,
    EntropyRate,
    Excess,
    Flow,
    Housekeeping,
    Production,
    RelaxingEntropy,
)
from nessmap.observables.windows import EntropyProductionBound, PowerSpectrum

OBSERVABLES: dict[str, Observable[Any]] = {
    "entropy_production_rate": EntropyProductionRate(),
    "entropy_production_rate_path": EntropyProductionRatePath(),
    "entropy_production_rate_extrapolated": EntropyProductionRateExtrapolated(),
    "entropy_production_rate_controlled": EntropyProductionRateControlled(),
    "entropy_production_rate_path_controlled": EntropyProductionRatePathControlled(),
    "entropy_production_rate_extrapolated_controlled": EntropyProductionRateExtrapolatedControlled(),
    "work_reduction": WorkReduction(),
    "work_reduction_path": WorkReductionPath(),
    "entropy_production_rate_fitted": EntropyProductionRateFitted(),
    "entropy_production_bound": EntropyProductionBound(),
    "entropy_production_per_mode": EntropyProductionPerMode(),
    "site_variance": SiteVariance(),
    "bump_presence": BumpPresence(),
    "relative_bump_amplitude": RelativeBumpAmplitude(),
    "structure_factor": StructureFactor(),
    "power_spectrum": PowerSpectrum(),
    "entropy_relative_to_uncoupled": EntropyRelativeToUncoupled(),
    "mutual_information": MutualInformation(),
    "information_flow": InformationFlow(),
    "entropy_production_rate_first": LocalEntropyProduction(),
    "entropy_production_rate_second": SecondLocalEntropyProduction(),
    "entropy_flow_first": EntropyFlow(),
    "entropy_flow_second": SecondEntropyFlow(),
    "transfer_entropy_rate": TransferEntropyRate(),
    "transfer_entropy_rate_back": TransferEntropyRateBack(),
    "entropy_production_rate_joint": JointEntropyProductionRate(),
    "entropy_production_rate_odd_velocity": OddVelocityEntropyProductionRate(),
    "entropy_production_rate_marginal": MarginalEntropyProductionRate(),
    "transient_entropy_production_rate": Production(),
    "transient_entropy_flow": Flow(),
    "housekeeping_entropy_production_rate": Housekeeping(),
    "excess_entropy_production_rate": Excess(),
    "shannon_entropy_rate": EntropyRate(),
    "shannon_entropy": RelaxingEntropy(),
    "divergence_from_stationarity": Divergence(),
}

__all__ = ["OBSERVABLES", "Observable"]
