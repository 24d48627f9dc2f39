"""What kind of theory a figure shows: exact, or approximate, against which a z-score measures the approximation."""

from collections.abc import Mapping
from typing import Any

from nessmap.figures import style

Attributes = Mapping[Any, Any]

MEASURE = "$z$ measures the approximation"


def approximate(attrs: Attributes) -> bool:
    """Some of the observable's theory is not exact.

    >>> approximate({"theory_kind": "approximate"}), approximate({"theory_kind": "exact"}), approximate({})
    (True, False, False)
    """
    return any(kind != "exact" for kind in _kinds(attrs))


def theory_words(*shown: Attributes) -> str:
    """`theory`, and in brackets what is not exact of that of the observables with these attributes.

    >>> theory_words({"theory_kind": "approximate", "theory_approximation": "linear response"})
    'theory (approximate: linear response)'
    >>> theory_words({"theory_kind": "exact"}, {"theory_kind": "approximate"})
    'theory (in part approximate)'
    """
    kinds = {kind for attrs in shown for kind in _kinds(attrs)}
    if kinds <= {"exact"}:
        return "theory"
    part = "in part " if "exact" in kinds else ""
    said = part + ", ".join(sorted(kind.replace("_", " ") for kind in kinds - {"exact"}))
    ways = dict.fromkeys(str(attrs["theory_approximation"]) for attrs in shown if attrs.get("theory_approximation"))
    return style.formulas(f"theory ({': '.join(filter(None, [said, ', '.join(ways)]))})")


def z_words(attrs: Attributes) -> str:
    """What a z-score is, beside its colours."""
    return MEASURE if approximate(attrs) else "$z$-score against theory"


def _kinds(attrs: Attributes) -> list[str]:
    return str(attrs.get("theory_kind", "")).split()
