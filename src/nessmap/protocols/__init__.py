"""PROTOCOLS: what is done with a model; one line per protocol here."""

from __future__ import annotations

from nessmap.protocols.first_passage import FirstPassage
from nessmap.protocols.protocol import Protocol, State
from nessmap.protocols.sampler import Sampler
from nessmap.protocols.stationary import Stationary
from nessmap.protocols.tangent import Tangent
from nessmap.protocols.transient import Transient

PROTOCOLS: dict[str, type[Protocol]] = {
    "stationary": Stationary,
    "transient": Transient,
    "sampler": Sampler,
    "tangent": Tangent,
    "first_passage": FirstPassage,
}

__all__ = ["PROTOCOLS", "Protocol", "State"]
