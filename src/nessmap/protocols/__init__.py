"""PROTOCOLS: what is done with a model; one line per protocol here."""

from __future__ import annotations

from nessmap.protocols.protocol import Protocol, State
from nessmap.protocols.stationary import Stationary
from nessmap.protocols.transient import Transient

PROTOCOLS: dict[str, type[Protocol]] = {
    "stationary": Stationary,
    "transient": Transient,
}

__all__ = ["PROTOCOLS", "Protocol", "State"]
