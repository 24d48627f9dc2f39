"""Passages from one state to another, each followed by the next: the model starts them, and counts them as it goes."""

from __future__ import annotations

from typing import ClassVar

from nessmap.protocols.stationary import Stationary


class FirstPassage(Stationary):
    """Steps of a model that starts anew after each passage; what is between two starts is independent of the rest."""

    name: ClassVar[str] = "first_passage"
    version: ClassVar[int] = 1
