"""Stationary law of a linear Langevin system, and the coordinates in which its noise is white.

Everywhere: dx = A x dt + sqrt(2 D) dW, A stable when its eigenvalues have a negative real part (docs/theory.md (1)).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]

# Rounding of an entry computed in a few steps, relative to its row; products of 300 x 300 matrices reach 3 eps.
ROUNDING = 16.0 * float(np.finfo(np.float64).eps)
# Directions whose share of the noise lies between rounding and this one are neither noiseless nor resolved.
RESOLVED_NOISE = 1e-10


class WhiteCoordinates(NamedTuple):
    """Coordinates y = inverse x, x = basis y in which D is the unit matrix; directions without noise are left out."""

    drift: Matrix
    """B = inverse A basis [1/tau]."""
    defect: Matrix
    """B - B^T [1/tau]; exactly zero at equilibrium."""
    basis: Matrix
    inverse: Matrix


def square_matrix(values: ArrayLike, name: str) -> Matrix:
    """Float64 copy of a finite square matrix; `name` is what the error calls it."""
    matrix = np.array(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ValueError(f"{name}: shape {matrix.shape}, expected (n, n) with n >= 1")
    if not np.all(np.isfinite(matrix)):
        raise ValueError(f"{name}: {int(np.sum(~np.isfinite(matrix)))} entries are not finite, expected finite numbers")
    return matrix


def symmetric_matrix(values: ArrayLike, name: str, n_dim: int | None = None) -> Matrix:
    """Symmetric positive semidefinite matrix, rounding removed; sizes are compared in units of its own diagonal."""
    matrix = square_matrix(values, name)
    if n_dim is not None and matrix.shape[0] != n_dim:
        raise ValueError(f"{name}: shape {matrix.shape}, expected ({n_dim}, {n_dim}) to match the drift matrix")
    diagonal = np.diag(matrix)
    if diagonal.min() < 0.0:
        raise ValueError(f"{name}: diagonal entry {diagonal.min():.6g}, expected >= 0 (a variance or noise strength)")
    tolerance = len(matrix) * ROUNDING
    asymmetry = np.abs(matrix - matrix.T) / outer_unit(matrix)
    if asymmetry.max() > tolerance:
        row, column = np.unravel_index(int(asymmetry.argmax()), matrix.shape)
        raise ValueError(
            f"{name}: entries [{row}, {column}] = {matrix[row, column]:.17g} and [{column}, {row}] ="
            f" {matrix[column, row]:.17g}, expected a symmetric matrix; symmetrise it as (M + M.T) / 2"
        )
    matrix = 0.5 * (matrix + matrix.T)
    lowest = float(np.linalg.eigvalsh(matrix / outer_unit(matrix))[0])
    if lowest < -tolerance:
        raise ValueError(
            f"{name}: lowest eigenvalue {lowest:.6g} in units of its diagonal, expected none below 0; check its entries"
        )
    return matrix


def unit_of(matrix: Matrix) -> Matrix:
    """Square roots of the diagonal to the nearest power of two, so that rescaling rounds nothing; 1 where it is 0."""
    diagonal = np.diag(matrix)
    exponent = np.round(0.5 * np.log2(np.where(diagonal > 0.0, diagonal, 1.0)))
    return np.asarray(np.exp2(exponent), dtype=np.float64)


def outer_unit(matrix: Matrix) -> Matrix:
    """u_i u_j, the scale of entry (i, j) of a covariance-like matrix."""
    unit = unit_of(matrix)
    return np.outer(unit, unit)


def cholesky_factor(matrix: Matrix, name: str, remedy: str) -> Matrix:
    """Lower factor L of L L^T; a variance that earlier coordinates explain to rounding counts as singular."""
    unit = unit_of(matrix)
    try:
        factor = np.linalg.cholesky(matrix / np.outer(unit, unit))
        share = np.diag(factor).min() ** 2
    except np.linalg.LinAlgError:
        share = 0.0
    if share <= len(matrix) * np.finfo(np.float64).eps:
        raise ValueError(f"{name}: singular to rounding, expected a positive definite matrix; {remedy}")
    return np.asarray(unit[:, None] * factor, dtype=np.float64)


def require_stable(drift_matrix: Matrix) -> None:
    """Raise unless every eigenvalue has a negative real part; a rate of zero to rounding is not stable either."""
    eigenvalue = np.linalg.eigvals(drift_matrix)
    leading = complex(eigenvalue[np.argmax(eigenvalue.real)])
    rounding = len(drift_matrix) * np.finfo(np.float64).eps * float(np.abs(eigenvalue).max())
    if leading.real >= -rounding:
        shown = f"{leading.real:.6g}" if leading.imag == 0.0 else f"{leading.real:.6g} +- {abs(leading.imag):.6g}i"
        raise ValueError(
            f"drift_matrix: leading eigenvalue {shown} [1/tau], expected a negative real part (dx = A x dt);"
            " no stationary state exists: lower the coupling, or check the sign convention of the drift"
        )


def stable_system(drift_matrix: ArrayLike, diffusion: ArrayLike) -> tuple[Matrix, Matrix]:
    """(A, D) as checked float64 matrices: A square and stable, D symmetric positive semidefinite of the same size."""
    drift = square_matrix(drift_matrix, "drift_matrix")
    noise = symmetric_matrix(diffusion, "diffusion", len(drift))
    require_stable(drift)
    return drift, noise


def solve_lyapunov(drift: Matrix, right_side: Matrix, unit: Matrix) -> Matrix:
    """X of A X + X A^T = C; Bartels & Stewart, Commun. ACM 15, 820 (1972). Only the rounding depends on `unit`."""
    from scipy.linalg import matrix_balance, solve_continuous_lyapunov  # 0.4 s: not paid when a workflow is parsed

    # Units of the noise settle what A leaves open, the balance of A the rest: 1e30 between two noises loses no digit.
    with np.errstate(invalid="ignore"):  # scipy casts the balance to integers for a permutation that is not asked for
        scaled, (balance, _) = matrix_balance(drift * (unit / unit[:, None]), permute=False, separate=True)
    scale = np.outer(unit * balance, unit * balance)
    return np.asarray(solve_continuous_lyapunov(scaled, right_side / scale) * scale, dtype=np.float64)


def reversibility_defect(drift: Matrix, noise: Matrix) -> Matrix:
    """R = A D - D A^T, antisymmetric; exactly zero when the rounding of A and D explains all of it."""
    unit = unit_of(noise)
    scaled_drift = drift * (unit / unit[:, None])
    scaled_noise = noise / np.outer(unit, unit)
    product = scaled_drift @ scaled_noise
    defect = product - product.T
    # Rowwise norms, not entries: a kernel's far tail is symmetric only to the rounding of its distances.
    # All entries or none: a small one beside a large one is physics.
    rounding = np.outer(np.linalg.norm(scaled_drift, axis=1), np.linalg.norm(scaled_noise, axis=1))
    # A noiseless coordinate has no unit to call its drive small.
    entrywise = np.abs(scaled_drift) @ np.abs(scaled_noise)
    noisy = np.diag(noise) > 0.0
    rounding = np.where(np.outer(noisy, noisy), rounding, entrywise)
    if np.all(np.abs(defect) <= ROUNDING * (rounding + rounding.T)):
        return np.zeros_like(defect)
    return np.asarray(defect * np.outer(unit, unit), dtype=np.float64)


def white_coordinates(drift: Matrix, noise: Matrix, defect: Matrix) -> WhiteCoordinates | None:
    """Whitened system on the range of D, or None when the drift feeds a noiseless direction, docs/theory.md (10), (11).

    With D = L L^T: B = L^-1 A L, and B - B^T = L^-1 R L^-T with R from `reversibility_defect`. Noiseless directions
    that the noisy ones never reach are frozen and drop out; where one is reached, reversed paths have probability zero.
    """
    unit = unit_of(noise)
    scaled_drift = drift * (unit / unit[:, None])
    scaled_noise = noise / np.outer(unit, unit)
    noisy = np.diag(noise) > 0.0
    strength, axis = np.linalg.eigh(scaled_noise[np.ix_(noisy, noisy)])
    direction = np.zeros((len(noise), len(strength)))
    direction[noisy] = axis
    noiseless = strength <= len(noise) * ROUNDING
    unresolved = strength[~noiseless & (strength < RESOLVED_NOISE)]
    if unresolved.size:
        raise ValueError(
            f"diffusion: eigenvalue {unresolved[0]:.6g} in units of its diagonal, expected 0 to rounding or at least"
            f" {RESOLVED_NOISE:g}; its inverse has too few digits: use a rougher noise spectrum or a formula by modes"
        )
    # A coordinate without noise is known exactly, and so is whether it is driven; it has no unit to call a drive small.
    drive = np.abs(scaled_drift @ scaled_noise)[~noisy]
    if np.any(drive > ROUNDING * (np.abs(scaled_drift) @ np.abs(scaled_noise))[~noisy]):
        return None
    kept, silent = direction[:, ~noiseless], direction[:, noiseless]
    root = np.sqrt(strength[~noiseless])
    if silent.size and kept.size:
        # A silent combination of noisy coordinates is known to rounding over the weakest kept noise.
        rounding = len(noise) * ROUNDING / root.min() ** 2 * float(np.linalg.norm(scaled_drift[np.ix_(noisy, noisy)]))
        if np.abs(silent.T @ scaled_drift @ kept).max() > rounding:
            return None
    basis = unit[:, None] * kept * root
    inverse = (kept / root).T / unit
    white_defect = inverse @ defect @ inverse.T
    return WhiteCoordinates(inverse @ drift @ basis, 0.5 * (white_defect - white_defect.T), basis, inverse)


def stationary_covariance(drift_matrix: ArrayLike, diffusion: ArrayLike) -> Matrix:
    """Covariance S of the stationary state  [x^2].

    A S + S A^T = -2 D                              docs/theory.md (3); Gardiner, Stochastic Methods, 4th ed. (2009)

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.

    Returns
    -------
    (n, n) array, symmetric; singular along directions that no noise reaches.

    Raises
    ------
    ValueError : the drift is not stable; the message names the leading eigenvalue.

    >>> stationary_covariance([[-1.0, 0.0], [1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]).round(12).tolist()
    [[1.0, 0.5], [0.5, 1.5]]
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    covariance = solve_lyapunov(drift, -2.0 * noise, unit_of(noise))
    return np.asarray(0.5 * (covariance + covariance.T), dtype=np.float64)


def irreversible_circulation(drift_matrix: ArrayLike, diffusion: ArrayLike) -> Matrix:
    """Antisymmetric part Q of the Onsager matrix: what keeps probability circulating  [x^2/tau].

    A Q + Q A^T = A D - D A^T, A S = -(D + Q)       docs/theory.md (4); Godreche & Luck, J. Phys. A 52, 035002 (2019)

    The stationary current velocity is -Q S^-1 x. Exactly zero at equilibrium (A D = D A^T to the rounding of A and D).

    Parameters
    ----------
    drift_matrix : (n, n) array [1/tau]; every eigenvalue has a negative real part.
    diffusion : (n, n) array [x^2/tau]; symmetric positive semidefinite.

    Raises
    ------
    ValueError : the drift is not stable; the message names the leading eigenvalue.

    >>> irreversible_circulation([[-1.0, 2.0], [-2.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]).round(12).tolist()
    [[0.0, -2.0], [2.0, 0.0]]
    """
    drift, noise = stable_system(drift_matrix, diffusion)
    defect = reversibility_defect(drift, noise)
    if not defect.any():
        return defect
    circulation = solve_lyapunov(drift, defect, unit_of(noise))
    return np.asarray(0.5 * (circulation - circulation.T), dtype=np.float64)
