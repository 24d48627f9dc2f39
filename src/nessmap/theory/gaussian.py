"""Exact theory of linear Langevin systems dx = A x dt + sqrt(2 D) dW: thermodynamics and information from (A, D).

One import for the four modules behind it: stationary law, entropy production, information, propagator. A is stable when
its eigenvalues have a negative real part; k_B = 1, nats, time in the model's tau. Equations: docs/theory.md.
"""

from nessmap.theory.gaussian_entropy import (
    EntropyBalance,
    antisymmetric_force,
    differential_entropy,
    entropy_balance,
    entropy_production_rate,
    entropy_production_variance_rate,
    local_mean_weight,
    path_entropy_production_rate_at,
)
from nessmap.theory.gaussian_information import (
    information_flow,
    kl_divergence,
    local_entropy_production,
    mutual_information,
    transfer_entropy_rate,
)
from nessmap.theory.gaussian_propagator import Propagator, propagator
from nessmap.theory.gaussian_stationary import irreversible_circulation, stationary_covariance

__all__ = [
    "EntropyBalance",
    "Propagator",
    "antisymmetric_force",
    "differential_entropy",
    "entropy_balance",
    "entropy_production_rate",
    "entropy_production_variance_rate",
    "information_flow",
    "irreversible_circulation",
    "kl_divergence",
    "local_entropy_production",
    "local_mean_weight",
    "mutual_information",
    "path_entropy_production_rate_at",
    "propagator",
    "stationary_covariance",
    "transfer_entropy_rate",
]
