"""OBSERVABLES: what is shown. Pure functions of statistics; one line per observable here, in the order figures list them."""

from __future__ import annotations

from typing import Any

from nessmap.observables.entropy_production import (
    EntropyProductionPerMode,
    EntropyProductionRate,
    EntropyProductionRatePath,
)
from nessmap.observables.fluctuations import SiteVariance, StructureFactor
from nessmap.observables.information_flow import (
    InformationFlow,
    LocalEntropyProduction,
    SecondLocalEntropyProduction,
    TransferEntropyRate,
    TransferEntropyRateBack,
)
from nessmap.observables.mutual_information import MutualInformation
from nessmap.observables.observable import Observable

OBSERVABLES: dict[str, Observable[Any]] = {
    "entropy_production_rate": EntropyProductionRate(),
    "entropy_production_rate_path": EntropyProductionRatePath(),
    "entropy_production_per_mode": EntropyProductionPerMode(),
    "site_variance": SiteVariance(),
    "structure_factor": StructureFactor(),
    "mutual_information": MutualInformation(),
    "information_flow": InformationFlow(),
    "entropy_production_rate_first": LocalEntropyProduction(),
    "entropy_production_rate_second": SecondLocalEntropyProduction(),
    "transfer_entropy_rate": TransferEntropyRate(),
    "transfer_entropy_rate_back": TransferEntropyRateBack(),
}

__all__ = ["OBSERVABLES", "Observable"]
