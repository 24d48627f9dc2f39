"""What kind of theory a figure shows: exact, or approximate, against which a z-score measures the approximation."""

from collections.abc import Mapping
from typing import Any

from nessmap.figures import style
from nessmap.figures.zscores import approximate, kinds

Attributes = Mapping[Any, Any]

MEASURE = "$z$ measures the approximation"


def theory_words(*shown: Attributes) -> str:
    """`theory`, and in brackets what is not exact of that of the observables with these attributes.

    >>> theory_words({"theory_kind": "approximate", "theory_approximation": "linear response"})
    'theory (approximate: linear response)'
    >>> theory_words({"theory_kind": "exact"}, {"theory_kind": "approximate"})
    'theory (in part approximate)'
    """
    found = {kind for attrs in shown for kind in kinds(attrs)}
    if found <= {"exact"}:
        return "theory"
    part = "in part " if "exact" in found else ""
    said = part + ", ".join(sorted(kind.replace("_", " ") for kind in found - {"exact"}))
    ways = dict.fromkeys(str(attrs["theory_approximation"]) for attrs in shown if attrs.get("theory_approximation"))
    return style.formulas(f"theory ({': '.join(filter(None, [said, ', '.join(ways)]))})")


def z_words(attrs: Attributes) -> str:
    """What a z-score is, beside its colours."""
    return MEASURE if approximate(attrs) else "$z$-score against theory"
