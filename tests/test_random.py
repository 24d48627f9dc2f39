"""The random numbers: published Philox vectors, the law of the normals, and independence of who asks for them."""

import numpy as np
import pytest
from scipy import stats

from nessmap.kernels.random import philox_words, standard_normals

# Random123 1.14, tests/kat_vectors: philox4x32 10 rounds: (counter, key, words)
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
KEY = np.uint64(0x0123456789ABCDEF)


def normals(n_dim=8, n_lane=128, key=KEY, lane=0, step=0, purpose=1):
    out = np.empty((n_dim, n_lane))
    standard_normals(out, np.uint64(key), lane, step, purpose)
    return out


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_published_words(counter, key, expected):
    words = np.empty((4, 1), np.uint64)
    philox_words(words, np.uint64(key[0] | (key[1] << 32)), *counter)
    assert tuple(int(word) for word in words[:, 0]) == expected


def box_muller_by_numpy(words):
    """The same map from words to normals through libm, with the angle turned by a quarter as in the kernel."""
    radius = [np.sqrt(-2 * np.log((words[i].astype(float) + 0.5) / 2**32)) for i in (0, 2)]
    # the kernel's quadrant is centred on its axis: angle = word 2 pi / 2^32 - pi/4
    angle = [(words[i].astype(float) + 0.5) / 2**32 * 2 * np.pi - np.pi / 4 for i in (1, 3)]
    return np.stack([f(a) * r for r, a in zip(radius, angle, strict=True) for f in (np.cos, np.sin)])


def test_normals_agree_with_box_muller_through_libm():
    words = np.empty((4, 4096), np.uint64)
    philox_words(words, KEY, 0, 0, 3, 1)
    # the angle's lowest two bits select the quadrant's fraction: both round to 2^-31 of a turn
    np.testing.assert_allclose(normals(4, 4096, step=3), box_muller_by_numpy(words), atol=6.8 * 2 * np.pi * 2.0**-31)


def test_normals_pass_kolmogorov_smirnov_and_have_normal_moments():
    sample = np.concatenate([normals(64, 4096, step=step).ravel() for step in range(4)])
    assert stats.kstest(sample, "norm").pvalue > 1e-3
    n = len(sample)
    # 5 standard errors of the sample moments of a standard normal
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(sample**power) - mean) < 5 * np.sqrt(variance / n)


@pytest.mark.parametrize("tail", [3.0, 4.0, 4.5])
def test_tails_have_the_weight_of_a_normal(tail):
    sample = np.concatenate([normals(64, 8192, step=step).ravel() for step in range(8)])
    expected = 2 * stats.norm.sf(tail) * len(sample)
    assert abs(np.sum(np.abs(sample) > tail) - expected) < 5 * np.sqrt(expected)  # Poisson error


def test_lanes_do_not_depend_on_how_many_are_asked_for_or_where_the_range_starts():
    whole = normals(n_lane=256)
    np.testing.assert_array_equal(normals(n_lane=128), whole[:, :128])
    np.testing.assert_array_equal(normals(n_lane=128, lane=128), whole[:, 128:])
    np.testing.assert_array_equal(normals(n_lane=16, lane=37), whole[:, 37:53])


def test_dimensions_do_not_depend_on_how_many_there_are():
    np.testing.assert_array_equal(normals(n_dim=5), normals(n_dim=11)[:5])


@pytest.mark.parametrize("other", [{"step": 1}, {"purpose": 0}, {"key": int(KEY) + 1}, {"key": int(KEY) ^ (1 << 63)}])
def test_another_step_purpose_or_key_gives_uncorrelated_normals(other):
    one, two = normals(64, 1024).ravel(), normals(64, 1024, **other).ravel()
    assert abs(np.mean(one * two)) < 5 / np.sqrt(len(one))  # 5 standard errors
    assert not np.any(one == two)
