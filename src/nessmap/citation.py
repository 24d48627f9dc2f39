"""What to cite for a sweep: the software, where its model comes from, and where the formulas of its observables do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from nessmap import __version__
from nessmap.sweep import Sweep

_PAPER = re.compile(r"\(\d{4}\)$")


def cited(sources: Iterable[str]) -> list[str]:
    """The papers among sources, which are divided by semicolons, each once and in their order.

    >>> cited(["local mean; docs/theory.md; Godreche & Luck, J. Phys. A 52, 035002 (2019)"])
    ['Godreche & Luck, J. Phys. A 52, 035002 (2019)']
    """
    parts = (part.strip() for source in sources for part in source.split(";"))
    return list(dict.fromkeys(part for part in parts if _PAPER.search(part)))


def citation(sweep: Sweep) -> dict[str, Any]:
    """Software with its version, papers of the model, papers of the observables."""
    model = sweep.model_class
    of_observables = cited(observable.source for observable in sweep.observables)
    return {
        "software": f"nessmap {__version__}, the nessmap developers (CITATION.cff)",
        "model": {"name": model.name, "papers": list(model.papers)},
        "formulas": [paper for paper in of_observables if paper not in model.papers],
    }
