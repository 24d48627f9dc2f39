"""Recordings of linear systems, sampled by the exact law of a step: what estimators are held against."""

import numpy as np

from gaussian_systems import sensor
from nessmap.theory import gaussian

REFERENCE = sensor({"kappa": 0.5, "rho": 2, "a": 2, "s2": 0.7, "D_r": 0.3})  # one neuron that senses a velocity
EQUILIBRIUM = np.array([[-1.0, 0.5], [0.5, -2.0]]), np.eye(2)
SIGMA = 4.0  # standard errors; one comparison in 1000 fails for 15 degrees of freedom, and the seeds are fixed


def recorded(drift, diffusion, dt, n_time, n_trial=1, seed=0):
    """(n_trial, n_time, n) samples, stationary from the first one on."""
    random = np.random.default_rng(seed)
    step = gaussian.propagator(drift, diffusion, dt)
    kick = np.linalg.cholesky(step.covariance)
    state = (
        random.normal(size=(n_trial, len(kick)))
        @ np.linalg.cholesky(gaussian.stationary_covariance(drift, diffusion)).T
    )
    values = np.empty((n_time, *state.shape))
    noise = random.normal(size=values.shape) @ kick.T
    for time in range(n_time):
        values[time] = state
        state = state @ step.matrix.T + noise[time]
    return values.swapaxes(0, 1)


def oscillator(dt, n_time, seed=0):
    """Position and velocity of an underdamped particle at equilibrium, (n_time, 2): the velocity is odd."""
    random = np.random.default_rng(seed)
    step = gaussian.propagator([[0.0, 1.0], [-1.0, -1.0]], np.diag([0.0, 1.0]), dt)
    kick = np.linalg.cholesky(step.covariance)
    values = np.zeros((n_time, 2))
    for time in range(1, n_time):
        values[time] = step.matrix @ values[time - 1] + kick @ random.normal(size=2)
    return values


def z(estimate, exact):
    """In standard errors."""
    return (estimate.value - exact) / estimate.standard_error
