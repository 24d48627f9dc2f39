"""Steps under noise that follows the gain: the kernel against numpy, weak order without sampling error, the linear twin."""

from __future__ import annotations

import numpy as np
import pytest

from gain_following_noise import NAMES, PATH, RATE, SHAPES, SMALL, OneSite, measured
from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.models.langevin import INTERPRETATIONS
from nessmap.models.multiplicative_field import MultiplicativeField
from nessmap.models.nonlinear_field import NonlinearField
from sampling import estimates, group_means, run_of, trajectory


def amplitude_and_drift(model):
    """s(u) = sqrt(2 D) and b(u) = F + (alpha - 1/2) D' in numpy."""
    return lambda u: np.sqrt(2 * model.diffusion(u, 0.0)), model.stratonovich_drift


def heun(u, w, dt, s, b):
    guess = u + dt * b(u) + w * s(u)
    return u + dt / 2 * (b(u) + b(guess)) + w / 2 * (s(u) + s(guess))


def along(u, t, f, order):
    """Runge-Kutta steps of du/dt = f."""
    first = f(u)
    if order == 2:
        return u + t / 2 * (first + f(u + t * first))
    second = f(u + t / 2 * first)
    third = f(u + t / 2 * second)
    return u + t / 6 * (first + 2 * second + 2 * third + f(u + t * third))


def splitting(u, w, dt, s, b):
    return along(along(along(u, dt / 2, b, 2), w, s, 4), dt / 2, b, 2)


SCHEMES = {"heun": heun, "splitting": splitting}


# a formula compiles a kernel of its own, 13 s; the kernel that sums its entropies is tested quickly
SHAPED = [
    pytest.param(shape, id=name, marks=pytest.mark.slow if " " in shape.get("transfer", "") else ())
    for shape, name in zip(SHAPES, NAMES, strict=True)
]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("shape", SHAPED)
def test_the_kernel_makes_the_steps_of_its_scheme(shape, scheme):
    model, dt = MultiplicativeField(**SMALL, **shape, scheme=scheme), 0.05
    step = model.stepper(dt)
    normals = np.empty((6, 16))
    standard_normals(normals, np.uint64(3), 0, 9, PURPOSE_STEP)
    x = np.empty((2, model.n_dim, 16))
    x[0] = model.stationary_sample(np.random.default_rng(0).normal(size=(model.n_dim, 16)))
    step.advance(x, *step.coefficients, np.uint64(3), 0, 9)
    moved = SCHEMES[scheme](x[0, :6], normals * np.sqrt(dt), dt, *amplitude_and_drift(model))
    # D' by differences of five points in the numpy leg: relative 1e-9, times dt
    np.testing.assert_allclose(x[1, :6], moved, atol=1e-9 * dt)
    if model.has_twin:
        rows, noise = model.discretisation(dt)
        keep, first, second, pull = rows[:, :, None]
        u, linear = x[0, 6:], model.weights * model.gain
        guess = keep * u + first * (linear @ u) + np.sqrt(np.diag(noise))[:, None] * normals
        expected = guess + second * (linear @ (guess - u)) + pull * (guess - u)
        np.testing.assert_allclose(x[1, 6:], expected, atol=1e-13)


@pytest.mark.slow
def test_without_exponent_it_is_the_nonlinear_field():
    shape = {
        **SMALL,
        "shift": 0.4,
        "transfer": "logistic",
        "coupling": 1.0,
        "threshold": 0.2,
        "scheme": "heun",
        "slope": 2.0,
    }
    field, additive = MultiplicativeField(**shape, exponent=0.0), NonlinearField(**shape)
    one, other = trajectory(field, 50, n_lane=32), trajectory(additive, 50, n_lane=32)
    np.testing.assert_allclose(one.x, other.x, atol=1e-12)
    assert field.theory([RATE])[RATE].value == additive.theory([RATE])[RATE].value
    found, expected = measured(field, names=(RATE, PATH)), measured(additive, names=(RATE, PATH))
    for name in (RATE, PATH):  # the same paths; sums that differ by gradients
        assert abs(found[name].value - expected[name].value) < 4 * np.hypot(
            found[name].standard_error, expected[name].standard_error
        )


def stationary_moments(step, dt, model):
    """<u>, <u^2> of the chain that steps make of one site: its transition operator on splines, normals by quadrature."""
    from scipy.interpolate import make_interp_spline

    node, weight = np.polynomial.hermite_e.hermegauss(28)
    grid = np.linspace(-9.0, 8.0, 341)
    spline = make_interp_spline(grid, np.eye(len(grid)), k=5)
    law = amplitude_and_drift(model)
    transition = np.zeros((len(grid), len(grid)))
    for z, share in zip(node, weight / weight.sum(), strict=True):
        moved = step(grid[None], z * np.sqrt(dt), dt, *law)[0]
        transition += share * spline(np.clip(moved, grid[0], grid[-1]))
    balance = (transition - np.eye(len(grid))).T
    balance[-1] = 1.0
    density = np.linalg.solve(balance, np.eye(len(grid))[-1])
    return np.array([density @ grid, density @ grid**2])


@pytest.mark.slow
@pytest.mark.parametrize("interpretation", INTERPRETATIONS)
def test_splitting_has_weak_order_two_and_heun_one(interpretation):
    """Without any sampling error, against the law by quadrature; Heun is of order 2 where the noise is additive."""
    model = OneSite(exponent=1.0, interpretation=interpretation, threshold=0.4)
    u = np.linspace(-9.0, 8.0, 20001)
    noise, drift = model.diffusion(u[None], 0.0)[0], model.drift(u[None], 0.0)[0]
    force = np.concatenate([[0.0], np.cumsum((drift / noise)[1:] + (drift / noise)[:-1]) * (u[1] - u[0]) / 2])
    weight = np.exp(force - force.max() + (model.alpha - 1) * np.log(noise))
    exact = np.array([(weight * u).sum(), (weight * u**2).sum()]) / weight.sum()
    error = {
        name: np.array([stationary_moments(SCHEMES[name], dt, model) - exact for dt in (0.1, 0.05)]) for name in SCHEMES
    }
    orders = {name: np.log2(error[name][0] / error[name][1]) for name in SCHEMES}
    np.testing.assert_allclose(orders["splitting"], 2.0, atol=0.15)  # the next order is dt of it
    np.testing.assert_allclose(orders["heun"], 1.0, atol=0.15)
    assert np.all(np.abs(error["splitting"][1]) < 0.1 * np.abs(error["heun"][1]))


@pytest.mark.slow
def test_the_twin_has_its_exact_means_and_takes_noise_away():
    model = MultiplicativeField(**SMALL, shift=0.8, exponent=0.5, noise_strength=0.005, control_variate="linear")
    names = (RATE, "entropy_production_rate_controlled", "work_reduction")
    means = group_means(
        model, dt=0.05, duration=200.0, n_lane=256, statistics=("path_entropy", "site_moments", "twin_entropy")
    )
    found = estimates(model, means, 0.05, names, run_of(0.05, 200.0, 256, model.n_dim))
    plain, controlled = (found[name] for name in names[:2])
    assert abs(plain.value - controlled.value) < 4 * plain.standard_error
    assert found["work_reduction"].value > 4
    exact = model.chain_means(run_of(0.05, 200.0, 256, model.n_dim)) * [1, 0.05, 0.05]
    twin = means["twin_entropy"][3:6] / 100
    assert np.all(np.abs(twin.mean(axis=1) - exact) < 4 * twin.std(axis=1, ddof=1) / 4)
