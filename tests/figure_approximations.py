"""A synthetic phase diagram whose theory fails in a known way, and what figures make of it."""

from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figure_sweeps import OK, PROVENANCE, SHORT_RUN, add_observable
from nessmap import figures

FAILURE = np.array([-2.0, 0.5, 6.0])  # of the linear response, per slope: relative disagreement = FAILURE r^2
RATE = "entropy_production_rate"


def approximate_sweep(error: float = 0.004, seed: int = 3) -> xr.Dataset:
    """Noise strength x slope: r = slope sqrt(D)/4, rate = theory (1 + c r^2), error relative to the theory.

    The theory is 0 at the weakest noise and the lowest slope; a short run, and a point without small parameter, beside it.
    Of the variance the theory is exact; of the mismatch it is exact and approximate.
    """
    rng = np.random.default_rng(seed)
    noise, slope = np.geomspace(0.001, 0.3, 9), np.array([1.0, 2.0, 3.0])
    words = {"noise_strength": (noise, "u^2 length time", "D_0"), "slope": (slope, "1/u", r"\beta")}
    dataset = xr.Dataset(coords={name: (name, values) for name, (values, *_) in words.items()})
    for name, (_, units, symbol) in words.items():
        dataset[name].attrs = {"units": units, "symbol": symbol, "long_name": name.replace("_", " ")}
    swept, shape = tuple(words), (len(noise), len(slope))
    small = slope * np.sqrt(noise[:, None]) / 4
    status = np.full(shape, OK, np.int8)
    status[1, 0] = SHORT_RUN
    dataset["status"] = swept, status
    dataset["leading_rate"] = swept, np.full(shape, -1.0)
    theory = 0.3 * slope + 0.1 * np.ones(shape)
    theory[0, 0] = 0.0
    kinds = {RATE: "approximate", "site_variance": "exact", "mismatch": "approximate exact"}
    for name, kind in kinds.items():
        truth = theory if kind == "exact" else theory * (1 + FAILURE * small**2)
        bars = error * np.where(theory > 0, theory, 0.3)
        flag = np.where((theory == 0) & (kind != "exact"), 4, 0).astype(np.int8)
        attrs = {"units": "k_B / time", "symbol": r"\dot\Sigma", "signed": 0, "long_name": name.replace("_", " ")}
        add_observable(dataset, name, swept, truth, bars, flag, attrs, rng)
        dataset[f"{name}_theory"] = dataset[f"{name}_expected"] = swept, theory
        dataset[f"{name}_z"] = ((dataset[name] - theory) / bars).where(flag == 0)
        dataset[name].attrs["theory_kind"] = kind
        if kind != "exact":
            dataset[name].attrs["theory_approximation"] = "linear response"
    small = small.copy()
    small[2, 0] = np.nan
    words_of = {"units": "1", "long_name": "small parameter of the linear response"}
    dataset["small_parameter"] = swept, small, words_of
    dataset.attrs = PROVENANCE
    return dataset


@cache
def common_approximation() -> xr.Dataset:
    return approximate_sweep()


def unresolved(dataset: xr.Dataset) -> xr.Dataset:
    """The same sweep with errors that hide every disagreement."""
    name = f"{RATE}_standard_error"
    return dataset.assign({name: 100 + 0 * dataset[name]})


def without_runs(dataset: xr.Dataset) -> xr.Dataset:
    """The same sweep with nothing computed."""
    return dataset.assign({"status": 0 * dataset["status"], RATE: np.nan * dataset[RATE]})


BOTH = ["entropy_production_rate", "site_variance"]
CASES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "disagreement": ("disagreement", None, {"variable": RATE, "series": "slope"}),
    "against the noise": ("disagreement", None, {"variable": RATE, "series": "slope", "x": "noise_strength"}),
    "one colour": ("disagreement", None, {"variable": RATE, "at": {"slope": 2.0}}),
    "unresolved": ("disagreement", unresolved, {"variable": RATE, "series": "slope"}),
    "no runs": ("disagreement", without_runs, {"variable": RATE, "series": "slope"}),
    "map": ("disagreement_map", None, {"variable": RATE, "x": "noise_strength", "y": "slope"}),
    "map, unresolved": ("disagreement_map", unresolved, {"variable": RATE, "x": "noise_strength", "y": "slope"}),
    "map, no runs": ("disagreement_map", without_runs, {"variable": RATE, "x": "noise_strength", "y": "slope"}),
    "estimate": ("phase_diagram", None, {"variable": RATE, "x": "noise_strength", "y": "slope"}),
    "cut": ("cut", None, {"variable": RATE, "x": "noise_strength", "series": "slope", "yscale": "log"}),
    "cut, facets": ("cut", None, {"variable": RATE, "x": "noise_strength", "facet": "slope"}),
    "terms": ("terms", None, {"variables": BOTH, "x": "noise_strength"}),
    "collapse": (
        "collapse",
        None,
        {"variable": RATE, "contrast": "site_variance", "x": "noise_strength", "series": "slope"},
    ),
    "refinement": ("refinement", None, {"variables": BOTH, "x": "noise_strength"}),
    "calibration": ("calibration", None, {}),
}


@cache
def case(name: str) -> Figure:
    """One of the cases, drawn once for all tests."""
    kind, change, options = CASES[name]
    sweep = common_approximation()
    return figures.draw(kind, change(sweep) if change else sweep, **options)
