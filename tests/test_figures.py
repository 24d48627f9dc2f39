"""The figures: same bytes on redraw, legible, honest; on a synthetic phase diagram whose theory is known."""

from __future__ import annotations

import numpy as np
import xarray as xr

OK, UNSTABLE, DIVERGED, SHORT_RUN, FAILED, TIMEOUT = range(1, 7)
WORDS = "absent ok unstable diverged short_run failed timeout"


def field_sweep(
    couplings: int = 10,
    shifts: int = 11,
    lengths: tuple[float, ...] = (0.0, 0.5),
    curved: bool = False,
    troubles: bool = True,
    seed: int = 1,
) -> xr.Dataset:
    """A phase diagram of the linear field with a shifted Gaussian kernel, its estimates drawn about the theory.

    gamma = 1 - g e^(-k^2 w^2/2) cos(k s), omega = g e^(-k^2 w^2/2) sin(k s); EPR = sum omega^2/gamma; `curved` leaves out
    the uniform mode, so that the boundary depends on the shift.
    """  # fmt: skip
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
    exact = _theory(*np.meshgrid(*axes.values(), indexing="ij"), curved=curved)
    rate = exact.pop("leading_rate")
    dataset["leading_rate"] = tuple(axes), rate
    for axis in fine:
        grid = np.meshgrid(*[fine[name] if name == axis else values for name, values in axes.items()], indexing="ij")
        for name, values in _theory(*grid, curved=curved).items():
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
        "sweep": "amari_field", "title": "Entropy production of a neural field", "source": "nessmap 0.1", "seed": 20251018,
        "kernel_version": 3, "content_digest": "5f2c9e01", "history": "not for the files",
    }  # fmt: skip
    return dataset


def _theory(g: np.ndarray, s: np.ndarray, length: np.ndarray, curved: bool) -> dict[str, np.ndarray]:
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
