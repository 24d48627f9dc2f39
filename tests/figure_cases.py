"""A synthetic phase diagram whose theory is known, and what figures must survive: cases by name."""

from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from nessmap import figures

OK, UNSTABLE, DIVERGED, SHORT_RUN, FAILED, TIMEOUT = range(1, 7)
WORDS = "absent ok unstable diverged short_run failed timeout"
EPR = "entropy_production_rate"
MAP = {"variable": EPR, "x": "coupling", "y": "shift"}
CUT = {"variable": EPR, "x": "coupling", "series": "shift"}
COLLAPSE = {"variable": EPR, "contrast": "site_variance", "x": "coupling", "series": "noise_correlation_length"}


def field_sweep(
    couplings: int = 10,
    shifts: int = 11,
    lengths: tuple[float, ...] = (0.0, 0.5),
    curved: bool = False,
    troubles: bool = True,
    seed: int = 1,
) -> xr.Dataset:
    """A phase diagram of the linear field with a shifted Gaussian kernel, its estimates drawn about the theory.

    gamma = 1 - g e^(-k^2 w^2/2) cos(k s), omega = g e^(-k^2 w^2/2) sin(k s); EPR = sum omega^2/gamma; `curved`
    leaves out the uniform mode, so that the boundary depends on the shift.
    """
    rng = np.random.default_rng(seed)
    axes = {
        "coupling": np.round(np.linspace(0.1, 1.3 if curved else 1.1, couplings), 12),
        "shift": np.round(np.linspace(0.0, 1.0, shifts), 12),
        "noise_correlation_length": np.array(lengths),
    }
    labels = {
        "coupling": ("g", "1", ""),
        "shift": ("s", "length", "kernel "),
        "noise_correlation_length": (r"\lambda", "length", ""),
    }
    dataset = xr.Dataset(coords={name: (name, values) for name, values in axes.items()})
    fine = {}
    for name, values in axes.items():
        symbol, units, before = labels[name]
        dataset[name].attrs = {"long_name": before + name.replace("_", " "), "symbol": symbol, "units": units}
        if len(values) > 1:
            fine[name] = np.interp(np.arange(10 * (len(values) - 1) + 1) / 10, np.arange(len(values)), values)
            dataset = dataset.assign_coords({f"{name}_line": fine[name]})
    exact = exact_theory(*np.meshgrid(*axes.values(), indexing="ij"), curved=curved)
    rate = exact.pop("leading_rate")
    dataset["leading_rate"] = tuple(axes), rate
    for axis in fine:
        grid = np.meshgrid(*[fine[name] if name == axis else values for name, values in axes.items()], indexing="ij")
        for name, values in exact_theory(*grid, curved=curved).items():
            stem = "leading_rate" if name == "leading_rate" else f"{name}_theory"
            dims = tuple(f"{dim}_line" if dim == axis else dim for dim in axes) + (
                ("wavenumber",) if name == "mode_variance" else ()
            )
            dataset[f"{stem}_line_{axis}"] = dims, values
    status = np.where(rate >= 0, UNSTABLE, np.where(rate > -0.08, SHORT_RUN, OK)).astype(np.int8)
    if troubles:
        status[1, 1, 0], status[2, -2, -1], status[3, 2, 0], status[0, -1, -1] = FAILED, TIMEOUT, DIVERGED, 0
    dataset["status"] = tuple(axes), status, {"flag_values": list(range(7)), "flag_meanings": WORDS}
    shown = {
        "entropy_production_rate": ("k_B / tau", r"\dot\Sigma", 0),
        "site_variance": ("1", r"\sigma_u^2", 0),
        "information_flow": ("nat / tau", r"\dot I", 1),
        "mode_variance": ("1", "S_k", 0),
    }
    dataset = dataset.assign_coords(
        wavenumber=("wavenumber", 2 * np.pi * np.arange(1, 5) / 12, {"units": "1 / length"})
    )
    for name, (units, symbol, signed) in shown.items():
        theory = exact[name]
        dims = tuple(axes) + (("wavenumber",) if theory.ndim == 4 else ())
        runs = status[..., None] if theory.ndim == 4 else status
        error = np.where(runs == SHORT_RUN, 3, 1) * (0.03 * np.abs(theory) + 0.012 * (1 + np.sqrt(np.abs(theory))))
        z = rng.standard_t(15, theory.shape)
        flag = np.zeros(theory.shape, np.int8)
        if not name.endswith("variance"):
            flag[:, 0] = 1
        good = np.isin(runs, (OK, SHORT_RUN)) & np.isfinite(theory)
        estimate = np.where(good, np.where(flag == 1, 0.0, theory + error * z), np.nan)
        dataset[name] = (
            dims,
            estimate,
            {
                "units": units,
                "symbol": symbol,
                "signed": signed,
                "long_name": name.replace("_", " "),
                "theory_kind": "exact",
            },
        )
        dataset[f"{name}_standard_error"] = dims, np.where(good, np.where(flag == 1, 0.0, error), np.nan)
        dataset[f"{name}_theory"] = dims, theory
        dataset[f"{name}_expected"] = dims, theory
        dataset[f"{name}_z"] = dims, np.where(good & (flag == 0), z, np.nan)
        dataset[f"{name}_flag"] = dims, flag
    dataset.attrs = {
        "sweep": "amari_field",
        "title": "Entropy production of a neural field",
        "source": "nessmap 0.1",
        "seed": 20251018,
        "kernel_version": 3,
        "content_digest": "5f2c9e01",
        "history": "2025-11-21 on some host",
    }
    return dataset


def exact_theory(g: np.ndarray, s: np.ndarray, length: np.ndarray, curved: bool) -> dict[str, np.ndarray]:
    q = np.fft.fftfreq(64, 1 / 64)
    k = 2 * np.pi * (q[q != 0] if curved else q) / 12.0
    g, s, length = g[..., None], s[..., None], length[..., None]
    kernel = g * np.exp(-((0.7 * k) ** 2) / 2)
    gamma, omega = 1 - kernel * np.cos(k * s), kernel * np.sin(k * s)
    rate = -gamma.min(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        spectrum = np.exp(-((k * length) ** 2) / 2) / gamma
        chosen = [int(np.argmin(np.abs(k - 2 * np.pi * m / 12))) for m in range(1, 5)]
        found = {
            "entropy_production_rate": (omega**2 / gamma).sum(axis=-1),
            "site_variance": spectrum.mean(axis=-1),
            "information_flow": (omega * np.sin(2 * k) / gamma * np.exp(-(k**2))).sum(axis=-1) * np.cos(3 * s[..., 0]),
            "mode_variance": spectrum[..., chosen],
        }
    stable = rate < 0
    found = {
        name: np.where(stable[..., None] if values.ndim == 4 else stable, values, np.nan)
        for name, values in found.items()
    }
    return {**found, "leading_rate": rate}


@cache
def common_sweep() -> xr.Dataset:
    return field_sweep(9, 11, seed=2)


@cache
def curved_sweep() -> xr.Dataset:
    return field_sweep(12, 9, curved=True)


def unstable_only(dataset: xr.Dataset) -> xr.Dataset:
    """The same sweep with not one stable cell."""
    names = [name for name in dataset.data_vars if str(name).startswith(EPR) and dataset[name].dtype.kind == "f"]
    changed = {name: dataset[name] * np.nan for name in names}
    return dataset.assign({**changed, "status": dataset["status"] * 0 + UNSTABLE})


def without_theory(dataset: xr.Dataset) -> xr.Dataset:
    """Estimates and errors only, as for an observable without a prediction."""
    ends = ("_z", "_expected", "_theory")
    names = [str(name) for name in dataset.data_vars]
    return dataset.drop_vars(
        [name for name in names if name.endswith(ends) or "_line_" in name or name == "leading_rate"]
    )


def theory_only(dataset: xr.Dataset) -> xr.Dataset:
    """What a sweep without simulation stores."""
    kept = [str(name) for name in dataset.data_vars if "theory" in str(name) or str(name).startswith("leading_rate")]
    found = dataset[kept]
    found[f"{EPR}_theory"].attrs = dict(dataset[EPR].attrs)
    return found


def with_categories(dataset: xr.Dataset) -> xr.Dataset:
    """Noise by name instead of by length."""
    words = ("noise_correlation_length", ["white", "spatially correlated"])
    return dataset.drop_dims("noise_correlation_length_line", errors="ignore").assign_coords({words[0]: words})


def one_axis(dataset: xr.Dataset) -> xr.Dataset:
    """A sweep of the coupling alone."""
    return dataset.isel(shift=5, noise_correlation_length=0, drop=True)


def as_points(dataset: xr.Dataset) -> xr.Dataset:
    """A zip sweep: one dimension of points, parameters along it."""
    line = one_axis(dataset).drop_dims("coupling_line")
    return (
        line.rename({"coupling": "point"}).assign_coords(coupling=("point", line["coupling"].values)).drop_vars("point")
    )


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
