"""The protocol that samples stationary states: kernels against plain numpy, restarts, lanes, and the law of a step."""

import numpy as np
import pytest

from nessmap.kernels.random import PURPOSE_STEP, standard_normals
from nessmap.model import Run
from nessmap.models.amari_field import AmariField
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.protocols import PROTOCOLS
from nessmap.theory import gaussian
from sampling import trajectory

DENSE = LinearLangevin(
    drift_matrix=((-1.0, 0.8, 0.1), (-0.6, -1.2, 0.3), (0.4, -0.2, -0.7)),
    diffusion_matrix=((1.0, 0.2, 0.0), (0.2, 0.5, 0.1), (0.0, 0.1, 0.3)),
)
MODELS = [
    AmariField(n_site=8, length=8.0, kernel_width=1.2, shift=0.7, coupling=0.8, noise_correlation_length=0.8),
    AmariField(n_site=7, length=8.0, kernel_width=1.2, shift=-0.4, coupling=-0.8, time_constant=2.0),
    AmariField(n_site=16, length=8.0, shift=0.5, noise="gaussian", noise_correlation_length=0.6),
    DENSE,
]
names = [f"{model.name}-{model.n_dim}" for model in MODELS]


@pytest.mark.parametrize("model", MODELS, ids=names)
@pytest.mark.parametrize("dt", [0.01, 0.3])
def test_kernel_advances_by_the_exact_propagator(model, dt):
    """x' - F x is noise of covariance Q that the matrix route and the same normals reproduce."""
    block = trajectory(model, 20, dt=dt)
    step = gaussian.propagator(model.linear_drift, model.linear_diffusion, dt)
    residual = block.x[1:] - np.einsum("ij,njl->nil", step.matrix, block.x[:-1])
    normals = np.empty((20, model.n_dim, block.x.shape[2]))
    for n in range(20):
        standard_normals(normals[n], np.uint64(1), 0, n, PURPOSE_STEP)
    factor = np.linalg.cholesky(step.covariance)
    expected = np.einsum("ij,njl->nil", factor, normals)
    # rounding of a few products of terms of the size of x
    np.testing.assert_allclose(residual, expected, atol=1e-13 * np.abs(block.x).max())


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_step_keeps_the_stationary_covariance(model):
    """F S F^T + Q = S for the coefficients that the kernel is given."""
    n = model.n_dim
    advance, coefficients, _ = model.stepper(0.2)
    x = np.zeros((2, n, n))
    x[0] = np.eye(n)
    zero = np.zeros((2, n, n))
    advance(x, *coefficients, np.uint64(3), 0, 0)
    advance(zero, *coefficients, np.uint64(3), 0, 0)
    propagator = x[1] - zero[1]  # same noise on both: the difference is F applied to unit vectors
    normals = np.empty((n, n))
    standard_normals(normals, np.uint64(3), 0, 0, PURPOSE_STEP)
    kick = zero[1] @ np.linalg.inv(normals)
    covariance = model.stationary_covariance
    np.testing.assert_allclose(
        propagator @ covariance @ propagator.T + kick @ kick.T, covariance, atol=1e-10 * np.abs(covariance).max()
    )


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_a_run_in_pieces_is_the_run_in_one_piece(model):
    protocol = PROTOCOLS["stationary"](model, Run(0.05), 7, 0, 64)
    whole, _ = protocol.advance(protocol.start(), 60)
    piece = protocol.start()
    for length in (10, 1, 29, 20):
        piece, _ = protocol.advance(piece, length)
    assert piece.step == whole.step
    np.testing.assert_array_equal(piece.x, whole.x)


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_a_lane_does_not_know_its_neighbours(model):
    wide = trajectory(model, 10, n_lane=64).x
    narrow = PROTOCOLS["stationary"](model, Run(0.05), 1, 32, 16)
    _, block = narrow.advance(narrow.start(), 10)
    np.testing.assert_array_equal(block.x, wide[:, :, 32:48])


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_start_is_drawn_from_the_stationary_law(model):
    protocol = PROTOCOLS["stationary"](model, Run(0.05), 11, 0, 1 << 15)
    x = protocol.start().x
    covariance = model.stationary_covariance
    sample = x @ x.T / x.shape[1]
    diagonal = np.diag(covariance)
    # 5 standard errors of a covariance of normals
    error = np.sqrt((np.outer(diagonal, diagonal) + covariance**2) / x.shape[1])
    assert np.all(np.abs(sample - covariance) < 5 * error)


def test_a_block_holds_at_most_ten_thousand_steps_of_cache():
    lengths = [PROTOCOLS["stationary"].steps_per_block(n) for n in (1, 2, 8, 64, 256, 4096)]
    assert lengths == [100, 100, 50, 10, 2, 1]
