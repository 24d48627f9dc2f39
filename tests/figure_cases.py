"""What figures must survive: cases by name."""

from functools import cache
from typing import Any

from matplotlib.figure import Figure

from figure_sweeps import (
    BALANCE,
    EPR,
    GRID,
    as_points,
    common_sweep,
    curved_sweep,
    diverging_terms,
    driven_sweep,
    field_sweep,
    one_axis,
    refined_sweep,
    theory_only,
    unstable_only,
    with_categories,
    with_long_names,
    without_theory,
)
from nessmap import figures

MAP = {"variable": EPR, "x": "coupling", "y": "shift"}
CUT = {"variable": EPR, "x": "coupling", "series": "shift"}
COLLAPSE = {"variable": EPR, "contrast": "site_variance", "x": "coupling", "series": "noise_correlation_length"}
SPECTRUM = {"variable": "power_spectrum", "x": "wavenumber", "y": "frequency"}
TERMS = {"variables": list(BALANCE), "x": "time"}
REFINEMENT = {"variables": list(GRID), "x": "n_site"}

# What the figures must survive: kind, sweep, options.
CASES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "map with facets": ("phase_diagram", None, {**MAP, "facet": "noise_correlation_length"}),
    "map, four facets": (
        "phase_diagram",
        lambda _: field_sweep(6, 5, lengths=(0.0, 0.2, 0.4, 0.6, 0.8)),
        {**MAP, "facet": "noise_correlation_length"},
    ),
    "map, curved boundary": ("phase_diagram", lambda _: curved_sweep(), MAP),
    "map, signed": ("phase_diagram", None, {**MAP, "variable": "information_flow"}),
    "map, one row": ("phase_diagram", lambda sweep: sweep.isel(shift=[4]), MAP),
    "map, one axis": ("phase_diagram", one_axis, {"variable": EPR, "x": "coupling"}),
    "map, categories": ("phase_diagram", with_categories, {**MAP, "y": "noise_correlation_length"}),
    "map, categories across": ("phase_diagram", with_categories, {**MAP, "x": "noise_correlation_length"}),
    "map, wavenumbers": ("phase_diagram", None, {"variable": "mode_variance", "x": "coupling", "y": "wavenumber"}),
    "map, nothing stable": ("phase_diagram", unstable_only, MAP),
    "map, no theory": ("phase_diagram", without_theory, MAP),
    "map, theory only": ("phase_diagram", theory_only, MAP),
    "map, two by two": ("phase_diagram", lambda _: field_sweep(2, 2, troubles=False), MAP),
    "cut": ("cut", None, CUT),
    "cut, logarithmic": (
        "cut",
        lambda _: curved_sweep(),
        {"variable": EPR, "x": "coupling", "series": "shift", "facet": "noise_correlation_length", "yscale": "log"},
    ),
    "cut, one axis": ("cut", one_axis, {"variable": EPR, "x": "coupling"}),
    "cut, points": ("cut", as_points, {"variable": EPR, "x": "coupling"}),
    "cut, categories": (
        "cut",
        with_categories,
        {"variable": "site_variance", "x": "noise_correlation_length", "series": "coupling"},
    ),
    "cut, nothing stable": ("cut", unstable_only, {"variable": EPR, "x": "coupling", "yscale": "log"}),
    "cut, no theory": ("cut", without_theory, CUT),
    "cut, theory only": ("cut", theory_only, CUT),
    "map, own dimensions": ("phase_diagram", lambda _: driven_sweep(), {**SPECTRUM, "at": {"coupling": 0.6}}),
    "map, own dimensions and facets": ("phase_diagram", lambda _: driven_sweep(), {**SPECTRUM, "facet": "coupling"}),
    "map, own dimension across": (
        "phase_diagram",
        lambda _: driven_sweep(),
        {**SPECTRUM, "x": "coupling", "y": "wavenumber", "at": {"frequency": 0.6}},
    ),
    "cut, time": ("cut", lambda _: driven_sweep(), {"variable": "entropy_change", "x": "time", "series": "coupling"}),
    "cut, frequency": (
        "cut",
        lambda _: driven_sweep(),
        {
            "variable": "power_spectrum",
            "x": "frequency",
            "series": "drive",
            "facet": "coupling",
            "yscale": "log",
            "at": {"wavenumber": 1.0},
        },
    ),
    "terms": ("terms", lambda _: driven_sweep(), {**TERMS, "at": {"coupling": 0.6}}),
    "terms, facets": ("terms", lambda _: driven_sweep(), {**TERMS, "facet": "coupling", "yscale": "log"}),
    "terms, theory lines": (
        "terms",
        None,
        {"variables": ["site_variance", "mode_variance"], "x": "coupling", "facet": "noise_correlation_length"},
    ),
    "terms, beyond the panel": (
        "terms",
        diverging_terms,
        {"variables": [EPR, "path_rate", "site_rate"], "x": "coupling", "at": {"noise_correlation_length": 0}},
    ),
    "terms, long names": (
        "terms",
        lambda _: with_long_names(driven_sweep()),
        {**TERMS, "facet": "coupling"},
    ),
    "refinement, long names": (
        "refinement",
        lambda _: with_long_names(refined_sweep()),
        {**REFINEMENT, "facet": "coupling"},
    ),
    "terms, no theory": ("terms", without_theory, {"variables": [EPR], "x": "coupling"}),
    "refinement": ("refinement", lambda _: refined_sweep(), REFINEMENT),
    "refinement, facets": ("refinement", lambda _: refined_sweep(), {**REFINEMENT, "facet": "coupling"}),
    "calibration": ("calibration", None, {}),
    "calibration, no z": ("calibration", without_theory, {}),
    "collapse": (
        "collapse",
        lambda _: field_sweep(10, 5, lengths=(0.0, 0.25, 0.5)),
        COLLAPSE,
    ),
}


@cache
def case(name: str) -> Figure:
    """One of the cases, drawn once for all tests."""
    kind, change, options = CASES[name]
    return figures.draw(kind, change(common_sweep()) if change else common_sweep(), **options)
