"""Where the coupling of a homogeneous field comes from: given, or the slope of a transfer function at the homogeneous state.

u_0 = weight w(0) f(u_0) + input and g = weight f'(u_0), w(0) the integral of the kernel; docs/theory.md, "Transfer functions".
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from functools import cached_property
from typing import Any

from nessmap.model import parameter, round_significant
from nessmap.models.linear import LinearModel
from nessmap.theory import transfer_functions

_NAMES = tuple(transfer_functions.TRANSFER_FUNCTIONS)
_BY_NAME = ("transfer", _NAMES)


@dataclasses.dataclass(frozen=True)
class DerivedCoupling(LinearModel):
    """A field whose `coupling` follows where `transfer` names a function. A path knows the coupling, not where it came from."""

    coupling: float = parameter(0.5, "coupling", symbol="g")
    transfer: str = parameter("given", "where the coupling comes from", choices=("given", *_NAMES), shapes_path=False)
    weight: float = parameter(1.0, "weight of the kernel", units="u", symbol="J", used_with=_BY_NAME, shapes_path=False)
    slope: float = parameter(
        1.0,
        "slope of the transfer function",
        units="1/u",
        above=0.0,
        symbol=r"\beta",
        used_with=_BY_NAME,
        shapes_path=False,
    )
    threshold: float = parameter(
        0.0, "threshold of the transfer function", units="u", symbol=r"\theta", used_with=_BY_NAME, shapes_path=False
    )
    input: float = parameter(0.0, "homogeneous input", units="u", symbol="I", used_with=_BY_NAME, shapes_path=False)
    branch: str = parameter(
        "lowest",
        "which homogeneous state, where there are several",
        choices=("lowest", "highest"),
        used_with=_BY_NAME,
        shapes_path=False,
    )

    @property
    @abstractmethod
    def kernel_integral(self) -> float:
        """w(0) of the kernel as sampled, for coupling 1."""

    def check_coupling(self) -> None:
        """Raise where the coupling is given twice, or where there is no homogeneous state to derive it from."""
        if self.transfer == "given":
            return
        if self.coupling != self.parameters()["coupling"].default:
            raise self.error("coupling", f"nothing: it follows from transfer = {self.transfer}", "leave it out")
        if not self._homogeneous_states():
            remedy = (
                f"{self.transfer} of slope {self.slope:g} grows as fast as u itself or faster: lower weight x slope"
            )
            raise self.error("weight", "one with a homogeneous state", remedy)

    def _homogeneous_states(self) -> list[float]:
        weight = self.weight * self.kernel_integral
        return transfer_functions.homogeneous_states(self.transfer, self.slope, self.threshold, weight, self.input)

    @cached_property
    def homogeneous_state(self) -> float:
        """u_0 of the chosen branch; 0 where the coupling is given."""
        if self.transfer == "given":
            return 0.0
        return self._homogeneous_states()[0 if self.branch == "lowest" else -1]

    @cached_property
    def gain_coupling(self) -> float:
        """g: the coupling as given, or weight x f'(u_0)."""
        if self.transfer == "given":
            return self.coupling
        gain = transfer_functions.gain(self.transfer, self.slope, self.threshold, self.homogeneous_state)
        return round_significant(self.weight * float(gain))

    def path_parameters(self) -> dict[str, Any]:
        return {**super().path_parameters(), "coupling": self.gain_coupling}
