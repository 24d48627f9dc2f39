"""Mistakes that people make when they ask for a refined grid, and what they are told."""

from __future__ import annotations

from typing import Any

AXES = {"coupling": {"linspace": [0.1, 0.9, 3]}, "shift": [0.0, 0.5]}
RATE = "entropy_production_rate"


def refine(*where: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"axes": AXES, "refine": {"budget": 100, "where": list(where or [{"stability": True}]), **others}}


def figures(**figure: Any) -> dict[str, Any]:
    return {**refine(), "figures": {"a": {"variable": RATE, "x": "coupling", **figure}}}


# what is changed in the tiny sweep: the message in full, after "tiny.yaml: "
MISTAKES: dict[str, tuple[dict[str, object], str]] = {
    "a refinement without budget": (
        {"axes": AXES, "refine": {"where": [{"stability": True}]}},
        "refine.budget is missing (points at most, those of the grid included; twice the replicas count twice)",
    ),
    "a refinement that nothing asks for": (
        {"axes": AXES, "refine": {"budget": 100, "where": []}},
        "refine.where = [], expected at least 1 entry (what asks for it)",
    ),
    "an unknown setting of the refinement": (
        refine(level=3),
        "refine.level = 3 is not a setting; did you mean levels?",
    ),
    "more levels than there are": (
        refine(levels=9),
        "refine.levels = 9, expected a number <= 8 (how often a cell may be halved)",
    ),
    "a budget below the grid": (
        refine(budget=5),
        "refine.budget = 5, expected at least the 6 of the grid",
    ),
    "an unknown criterion": (
        refine({"sing": RATE}),
        f"refine.where.0.sing = '{RATE}' is not a setting; did you mean sign?",
    ),
    "two criteria in one entry": (
        refine({"sign": RATE, "stability": True}),
        "refine.where.0 has sign and stability, expected one of sign, level, stability, gradient, error",
    ),
    "an entry without criterion": (
        refine({"of": RATE}),
        "refine.where.0 has none of them, expected one of sign, level, stability, gradient, error",
    ),
    "a level of nothing": (
        refine({"level": 1}),
        "refine.where.0.of is missing; level needs it",
    ),
    "a gradient without share": (
        refine({"stability": True}, {"gradient": RATE}),
        "refine.where.1.share is missing; gradient needs it",
    ),
    "a share that is all": (
        refine({"gradient": RATE, "share": 1.0}),
        "refine.where.0.share = 1.0, expected a number < 1 (of its range over the grid that asks for it)",
    ),
    "what does not belong to a criterion": (
        refine({"stability": True, "target": 0.1}),
        "refine.where.0.target = 0.1 does not go with stability; leave it out",
    ),
    "a boundary of what is not estimated": (
        refine({"sign": "entropy_prodution_rate"}),
        "refine.where.0: entropy_prodution_rate is not among the observables of this sweep; "
        "did you mean entropy_production_rate?",
    ),
    "a boundary of what is no number": (
        refine({"level": 1, "of": "structure_factor"}),
        "refine.where.0: structure_factor has dimensions of its own, expected a number at each point; "
        "known: entropy_production_rate, entropy_production_rate_path, site_variance, mutual_information",
    ),
    "replicas at boundaries of what has none": (
        refine({"stability": True}, {"error": RATE, "target": 0.1, "at": "boundaries"}),
        "refine.where.1.at = boundaries, expected another entry with sign or level of entropy_production_rate",
    ),
    "replicas that cannot be doubled by whole units": (
        {**refine({"error": RATE, "target": 0.1}), "run": {"n_replica": 192}},
        "run.n_replica = 192, expected a multiple of 128, because error doubles whole units of lanes",
    ),
    "an axis that cannot be halved": (
        refine(axes=["coupling", "shift"]),
        "refine.axes: shift, expected an axis of numbers given as linspace, logspace or geomspace; known: coupling",
    ),
    "no axis that can be halved": (
        {**refine(), "axes": {"coupling": [0.1, 0.5]}},
        "refine finds no axis to halve, expected at least one of numbers, given as linspace, logspace or geomspace",
    ),
    "points without cells between them": (
        {**refine(), "axes": {"points": [{"coupling": 0.1}, {"coupling": 0.5}]}},
        "axes has points, and refine is given; expected axes of their own, between which there are cells to halve",
    ),
    "cells finer than numbers are told apart": (
        {**refine(levels=8), "axes": {"coupling": {"linspace": [0.1, 0.100000000001, 2]}}},
        "axes.coupling has the value 0.1 twice (to 12 digits); keep one of them",
    ),
    "a drawing of grids for refined points": (
        figures(draw="cut"),
        "figures.a.draw = 'cut', expected a drawing of a refined sweep: calibration, refined_map",
    ),
    "a drawing of refined points for a grid": (
        {"figures": figures(draw="refined_map", y="shift")["figures"]},
        "figures.a.draw = 'refined_map', expected a drawing of a sweep without refine: phase_diagram, cut, terms, "
        "disagreement, disagreement_map, refinement, calibration, collapse, edge_of_chaos",
    ),
}
