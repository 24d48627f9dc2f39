"""Transfer entropy between samples: reference numbers, block-Toeplitz covariances, the limit of short steps."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussian_systems import EXAMPLES, ORACLE, ROUNDED, ROUNDED_TWICE, SEEDS, SENSING, random_system, sensor
from nessmap.theory import gaussian
from nessmap.theory.sampled_transfer_entropy import sampled_transfer_entropy_rate

REFERENCE = sensor({"kappa": 0.5, "rho": 2, "a": 2, "s2": 0.7, "D_r": 0.3})  # one neuron


@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("nonbipartite")])
def test_samples_with_common_noise_agree_with_their_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    for quantity, value in expected.items():
        if quantity.startswith("TE_") and "_dt" in quantity:
            source, target = (case["b"], case["a"]) if quantity.startswith("TE_b_to_a") else (case["a"], case["b"])
            interval, history = quantity.split("_dt")[1].split("_")
            n_history = None if history == "inf" else int(history.removeprefix("k"))
            dt = float(interval.replace("p", "."))
            found = sampled_transfer_entropy_rate(case["A"], case["D"], source, target, dt, n_history)
            assert found == pytest.approx(value, rel=ORACLE), quantity


@pytest.mark.parametrize(
    ("dt", "n_history", "expected"),
    [
        (0.05, 1, 2.0211),
        (0.05, 4, 1.7785),
        (0.05, 12, 1.6974),
        (0.05, None, 1.6949),
        (0.2, 1, 1.2716),
        (0.2, 4, 1.0976),
    ],
)
def test_what_regression_finds_agrees_with_published_digits(dt, n_history, expected):
    found = sampled_transfer_entropy_rate(*REFERENCE, [0], [1], dt, n_history)
    assert found == pytest.approx(expected, abs=5e-5)  # half of the last digit given
    assert sampled_transfer_entropy_rate(*REFERENCE, [1], [0], dt, n_history) < 1e-12


def test_the_continuous_rate_is_the_limit_of_short_steps_from_below_and_at_first_order():
    exact = gaussian.transfer_entropy_rate(*REFERENCE, [0], [1])
    gap = [exact - sampled_transfer_entropy_rate(*REFERENCE, [0], [1], dt) for dt in (4e-3, 2e-3, 1e-3)]
    assert gap[2] > 0
    assert gap[0] / gap[1] == pytest.approx(2.0, abs=0.05)
    assert gap[1] / gap[2] == pytest.approx(2.0, abs=0.025)


@pytest.mark.slow
@given(SEEDS, st.integers(1, 4), st.floats(0.05, 0.5))
@EXAMPLES
def test_a_finite_history_is_the_regression_on_the_block_toeplitz_covariance(seed, n_history, dt):
    drift, diffusion = random_system(seed, 3)
    source, target = [2, 0], [1]
    covariance = gaussian.stationary_covariance(drift, diffusion)
    powers = [
        np.linalg.matrix_power(gaussian.propagator(drift, diffusion, dt).matrix, lag) for lag in range(n_history + 1)
    ]
    # samples at times 0 to n_history; the last one is predicted
    blocks = [
        [powers[i - j] @ covariance if i >= j else (powers[j - i] @ covariance).T for j in range(n_history + 1)]
        for i in range(n_history + 1)
    ]
    joint = np.block(blocks)
    future = [3 * n_history + i for i in target]
    own = [3 * n + i for n in range(n_history) for i in target]
    both = list(range(3 * n_history))

    def log_unexplained(known):
        explained = joint[np.ix_(future, known)] @ np.linalg.solve(
            joint[np.ix_(known, known)], joint[np.ix_(known, future)]
        )
        return np.linalg.slogdet(joint[np.ix_(future, future)] - explained)[1]

    expected = 0.5 * (log_unexplained(own) - log_unexplained(both)) / dt
    found = sampled_transfer_entropy_rate(drift, diffusion, source, target, dt, n_history)
    # samples so close are nearly the same: the covariance loses their distance, squared
    assert found == pytest.approx(expected, rel=1e-6, abs=ROUNDED_TWICE / dt)


@pytest.mark.slow
@given(SEEDS, st.floats(0.05, 0.5))
@EXAMPLES
def test_more_history_of_the_target_leaves_less_to_the_source(seed, dt):
    drift, diffusion = random_system(seed, 3)
    rates = [sampled_transfer_entropy_rate(drift, diffusion, [0], [1, 2], dt, k) for k in (1, 2, 5, 40)]
    slack = ROUNDED * (1 + rates[0])
    assert all(more <= less + slack for less, more in pairwise(rates))
    everything = sampled_transfer_entropy_rate(drift, diffusion, [0], [1, 2], dt)
    assert 0 <= everything <= rates[-1] + slack


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="expected a partition of all 2 coordinates"):
        sampled_transfer_entropy_rate(*REFERENCE, [0], [0], 0.1)
    with pytest.raises(ValueError, match=r"dt = 0\.0, expected"):
        sampled_transfer_entropy_rate(*REFERENCE, [0], [1], 0.0)
    with pytest.raises(ValueError, match="n_history: 0, expected at least the present sample"):
        sampled_transfer_entropy_rate(*REFERENCE, [0], [1], 0.1, 0)
