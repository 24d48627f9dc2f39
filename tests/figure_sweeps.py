"""Synthetic phase diagrams whose theory is known, and what may be wrong with them or missing."""

from functools import cache
from typing import Any

import numpy as np
import xarray as xr

OK, UNSTABLE, DIVERGED, SHORT_RUN, FAILED, TIMEOUT = range(1, 7)
WORDS = "absent ok unstable diverged short_run failed timeout"
EPR = "entropy_production_rate"


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
        flag = np.zeros(theory.shape, np.int8)
        if not name.endswith("variance"):
            flag[:, 0] = 1
        attrs = {"units": units, "symbol": symbol, "signed": signed, "long_name": name.replace("_", " ")}
        add_observable(dataset, name, dims, theory, error, flag, attrs, rng)
    dataset.attrs = PROVENANCE
    return dataset


PROVENANCE = {
    "sweep": "amari_field",
    "title": "Entropy production of a neural field",
    "source": "nessmap 0.1",
    "seed": 20251018,
    "kernel_version": 3,
    "content_digest": "5f2c9e01",
    "history": "2025-11-21 on some host",
}


def add_observable(
    dataset: xr.Dataset,
    name: str,
    dims: tuple[str, ...],
    theory: np.ndarray,
    error: np.ndarray,
    flag: np.ndarray,
    attrs: dict[str, Any],
    rng: np.random.Generator,
) -> None:
    """All that the store has of an observable, its estimates drawn about the theory."""
    sizes = dict(zip(dims, theory.shape, strict=True))
    status = dataset["status"].expand_dims({dim: sizes[dim] for dim in dims if dim not in dataset["status"].dims})
    z = rng.standard_t(15, theory.shape)
    good = np.isin(status.transpose(*dims), (OK, SHORT_RUN)) & np.isfinite(theory)
    dataset[name] = dims, np.where(good, np.where(flag == 1, 0.0, theory + error * z), np.nan)
    dataset[name].attrs = attrs | {"theory_kind": "exact"}
    dataset[f"{name}_standard_error"] = dims, np.where(good, np.where(flag == 1, 0.0, error), np.nan)
    dataset[f"{name}_theory"] = dims, theory
    dataset[f"{name}_expected"] = dims, theory
    dataset[f"{name}_z"] = dims, np.where(good & (flag == 0), z, np.nan)
    dataset[f"{name}_flag"] = dims, flag


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


BALANCE = ("total_production", "entropy_flow", "entropy_change", "housekeeping", "excess")
GRID = ("entropy_production_rate", "point_variance", "coherence", "information_flow")


@cache
def driven_sweep() -> xr.Dataset:
    """A rotating mode per wavenumber: its power spectrum, and its entropy balance after the noise is switched up.

    dx = A x dt + sqrt(2 D) dW with A = [[-gamma, -omega], [omega, -gamma]]: a stationary spectrum 2 D / (gamma^2 +
    (f - omega)^2), and from the variance s(t) the terms d ln s/dt = 2 (D/s - gamma), housekeeping 2 omega^2 s / D,
    excess 2 (D - gamma s)^2 / (D s), production their sum, flow = production - change.
    """
    rng = np.random.default_rng(5)
    coupling, drive = np.array([0.2, 0.6, 0.9, 1.1]), np.array([0.0, 0.5, 1.0])
    wavenumber, frequency = 2 * np.pi * np.arange(13) / 12, np.concatenate([np.arange(12) / 4, np.arange(6, 14) / 2])
    time = np.round(np.linspace(0, 3, 25), 3)
    words = {
        "coupling": (coupling, "1", "g", "coupling"),
        "drive": (drive, "1", "h", "drive"),
        "wavenumber": (wavenumber, "1 / length", "k", "wavenumber"),
        "frequency": (frequency, "1 / time", "f", "frequency"),
        "time": (time, "time", "t", "time after the switch"),
    }
    dataset = xr.Dataset(coords={name: (name, values) for name, (values, *_) in words.items()})
    for name, (_, units, symbol, text) in words.items():
        dataset[name].attrs = {"units": units, "symbol": symbol, "long_name": text}
    g, h = coupling[:, None], drive[None, :]
    rate = np.broadcast_to(g - 1, (4, 3))
    swept = ("coupling", "drive")
    dataset["leading_rate"] = swept, rate.copy()
    dataset["status"] = swept, np.where(rate >= 0, UNSTABLE, np.where(rate > -0.15, SHORT_RUN, OK)).astype(np.int8)
    damping = np.where(g < 1, 1 - g, np.nan)[..., None]
    variance = (1 - 0.8 * np.exp(-2 * damping * time)) / damping
    turning = (0.4 + h[..., None]) ** 2
    excess, change = 2 * (1 - damping * variance) ** 2 / variance, 2 * (1 / variance - damping)
    kept = 2 * turning * variance * np.ones((4, 3, 1))
    terms = (excess + kept, excess + kept - change, change, kept, excess)
    symbols = (r"\dot\Sigma", r"\dot S_\mathrm{env}", r"\dot S", r"\dot\Sigma_\mathrm{hk}", r"\dot\Sigma_\mathrm{ex}")
    for name, values, symbol in zip(BALANCE, terms, symbols, strict=True):
        theory = np.broadcast_to(values, (4, 3, len(time)))
        attrs = {"units": "k_B / time", "symbol": symbol, "signed": int(name == "entropy_change")}
        attrs["long_name"] = f"{name.replace('_', ' ')} rate"
        no_run = np.where(np.isfinite(theory), 0, 3).astype(np.int8)
        error = 0.02 * np.abs(theory) + 0.02
        add_observable(dataset, name, (*swept, "time"), theory, error, no_run, attrs, rng)
    kernel = np.exp(-((0.7 * wavenumber) ** 2) / 2)
    gamma = np.where(g < 1, 1 - g * kernel, np.nan)[:, None, :, None]
    omega = (kernel * np.sin(wavenumber))[None, None, :, None] * (1 + h)[..., None, None]
    theory = 2 * np.exp(-(wavenumber[:, None] ** 2) / 2) / (gamma**2 + (frequency - omega) ** 2)
    attrs = {"units": "u^2 time", "symbol": "S(k, f)", "signed": 0, "long_name": "power spectrum"}
    no_run = np.where(np.isfinite(theory), 0, 3).astype(np.int8)
    add_observable(
        dataset, "power_spectrum", (*swept, "wavenumber", "frequency"), theory, theory / 12, no_run, attrs, rng
    )
    dataset.attrs = PROVENANCE
    return dataset


@cache
def refined_sweep() -> xr.Dataset:
    """Grids of 16 to 256 sites: a rate converges, the variance at a point grows, a coherence falls, a flow is zero."""
    rng = np.random.default_rng(6)
    n, g = np.array([16, 32, 64, 128, 256]), np.array([0.2, 0.5, 0.8])
    dataset = xr.Dataset(coords={"n_site": ("n_site", n), "coupling": ("coupling", g)})
    dataset["n_site"].attrs = {"units": "1", "symbol": "N", "long_name": "number of sites"}
    dataset["coupling"].attrs = {"units": "1", "symbol": "g", "long_name": "coupling"}
    swept, sites = ("n_site", "coupling"), n[:, None].astype(float)
    dataset["status"] = swept, np.full((5, 3), OK, np.int8)
    dataset["leading_rate"] = swept, np.broadcast_to(g - 1, (5, 3)).copy()
    theories = {
        "entropy_production_rate": (3 * g * (1 - 60 / sites**2), "k_B / time", r"\dot\Sigma"),
        "point_variance": (0.1 * sites + g, "u^2", r"\langle u^2\rangle"),
        "coherence": ((1 + g) / np.sqrt(sites), "1", "C"),
        "information_flow": (0 * g * sites, "nat / time", r"\dot I"),
    }
    for name, (theory, units, symbol) in theories.items():
        attrs = {"units": units, "symbol": symbol, "signed": 0, "long_name": name.replace("_", " ")}
        flag = np.full(theory.shape, int(name == "information_flow"), np.int8)
        add_observable(dataset, name, swept, theory, 0.02 * theory, flag, attrs, rng)
    dataset.attrs = PROVENANCE
    return dataset


def diverging_terms(dataset: xr.Dataset) -> xr.Dataset:
    """Three rates that diverge at the boundary, none of which stays in its panel; the second is the largest."""
    names = [str(name) for name in dataset.data_vars if str(name).startswith(EPR)]
    changed = {}
    for stem, factor in (("path_rate", 3.0), ("site_rate", 2.0)):
        for name in names:
            scaled = not name.endswith(("_z", "_flag"))
            changed[name.replace(EPR, stem)] = dataset[name] * factor if scaled else dataset[name]
            changed[name.replace(EPR, stem)].attrs = dataset[name].attrs | {"symbol": f"{stem[0]}"}
    ok = dataset["status"] == OK
    return dataset.assign(changed).assign(status=dataset["status"].where(ok | (dataset["status"] == UNSTABLE), TIMEOUT))


def with_long_names(dataset: xr.Dataset) -> xr.Dataset:
    """Names of axes and observables as long as those of models with two populations."""
    found = dataset.copy()
    for name in (*BALANCE, *GRID, "coupling"):
        if name in found:
            words = str(found[name].attrs["long_name"])
            found[name].attrs = found[name].attrs | {"long_name": f"{words} of the excitatory population"}
    return found
