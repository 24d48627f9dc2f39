"""What a recording itself says against an estimate: too short, too coarse, too smooth, drifting, not normal."""

from __future__ import annotations

import numpy as np

from nessmap.estimators.recording import Array, Recording

ENOUGH = 200.0  # independent samples; below, errors of fitted rates are not calibrated
SURE = 5.0  # standard errors that a remark needs
SMOOTH, COARSE = 1.5, 0.5  # exponents of <(x(t + s) - x(t))^2> in s; a variable with white noise has 1


def on_length(recording: Recording) -> tuple[str, ...]:
    """Too few independent samples, or a mean that moves."""
    found = []
    worth = recording.n_independent
    if worth < ENOUGH:
        found.append(f"too few independent samples: {worth:.0f}, expected {ENOUGH:.0f}; errors may be too small")
    return (*found, *[f"{name} has not the same mean early and late: not stationary" for name in _moving(recording)])


def _moving(recording: Recording) -> list[str]:
    """Variables whose mean moves within trials, by the scatter of the trials' shifts, or of the blocks' means."""
    n_trial, n_time, n_dim = recording.values.shape
    if not recording.segments:
        half = n_time // 2
        shift = recording.values[:, half:].mean(axis=1) - recording.values[:, :half].mean(axis=1)
        return _of(recording, np.abs(shift.mean(axis=0)) > SURE * shift.std(axis=0, ddof=1) / np.sqrt(n_trial))
    half = recording.segments // 2
    if n_trial * half < 4:
        return []
    means = recording.blocks(recording.values).mean(axis=1).reshape(n_trial, recording.segments, n_dim)
    early, late = means[:, :half].reshape(-1, n_dim), means[:, -half:].reshape(-1, n_dim)
    error = np.sqrt((early.var(axis=0, ddof=1) + late.var(axis=0, ddof=1)) / len(early))
    return _of(recording, np.abs(late.mean(axis=0) - early.mean(axis=0)) > SURE * error)


def on_steps(recording: Recording) -> tuple[str, ...]:
    """Variables that do not move like diffusions from one sample to the next."""
    x = recording.values
    single, double = (np.mean((x[:, lag:] - x[:, :-lag]) ** 2, axis=(0, 1)) for lag in (1, 2))
    exponent = np.log2(double / single)
    smooth, coarse = _of(recording, exponent > SMOOTH), _of(recording, exponent < COARSE)
    return (
        *[
            f"{name} is smooth at this dt, D not invertible: a velocity's integral or a filtered signal?"
            for name in smooth
        ],
        *[f"increments too coarse: {name} forgets within a few dt, or carries measurement noise" for name in coarse],
    )


def on_shape(recording: Recording) -> tuple[str, ...]:
    """Variables whose own distribution is not normal."""
    apart = recording.values - recording.values.mean(axis=(0, 1))
    variance = np.mean(apart**2, axis=(0, 1))
    skewness = np.abs(np.mean(apart**3, axis=(0, 1))) / variance**1.5
    excess = np.abs(np.mean(apart**4, axis=(0, 1)) / variance**2 - 3.0)
    worth = recording.n_independent
    odd_shape = (skewness > np.maximum(0.3, SURE * np.sqrt(6.0 / worth))) | (
        excess > np.maximum(0.5, SURE * np.sqrt(24.0 / worth))
    )
    return tuple(
        f"{name} is strongly non-Gaussian, and a linear model may miss much" for name in _of(recording, odd_shape)
    )


def _of(recording: Recording, chosen: Array) -> list[str]:
    return [name for name, one in zip(recording.names, chosen, strict=True) if one]
