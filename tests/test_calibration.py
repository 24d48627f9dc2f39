"""Error bars over a sweep: z-scores against exact expectations follow Student's t with 15 degrees of freedom.

Every cell holds at least 1000 correlation times of its slowest mode, all lanes together. A rejection level of 0.001, shared
among the observables, at a fixed seed.
"""

import numpy as np
import pytest
from sampling import LANES, expectations, group_means, z_scores

from nessmap.models.amari_field import AmariField
from nessmap.observables import OBSERVABLES
from nessmap.statistics.calibration import calibration

CORRELATION_TIMES = 1000


def sweep_of_z_scores(n_site, length, dt):
    """z by observable over 21 couplings x 12 shifts x 2 noise correlation lengths = 504 cells."""
    scores = {}
    cells = [(g, s, xi) for g in np.linspace(0.1, 0.9, 21) for s in np.linspace(0.05, 1.0, 12) for xi in (0.0, 0.5)]
    for key, (coupling, shift, correlation) in enumerate(cells):
        model = AmariField(
            coupling=coupling, shift=shift, noise_correlation_length=correlation, n_site=n_site, length=length
        )
        duration = max(20.0, CORRELATION_TIMES / (LANES * -model.stability().leading_rate))
        means = group_means(model, dt=dt, duration=duration, key=key + 20251018)
        for name, z in z_scores(model, expectations(model, dt), means, dt).items():
            scores.setdefault(name, []).append(z)
    return {name: np.concatenate(z) for name, z in scores.items()}


@pytest.mark.parametrize(
    ("n_site", "length"), [(16, 6.0), pytest.param(64, 12.0, marks=pytest.mark.slow)], ids=["16 sites", "64 sites"]
)
def test_z_scores_over_a_sweep_are_calibrated(n_site, length):
    scores = sweep_of_z_scores(n_site, length, 0.05)
    assert scores.keys() == OBSERVABLES.keys()
    found = {name: calibration(z) for name, z in scores.items()}
    for name, result in found.items():
        assert result.n >= 500, (name, result)
        assert result.p_value > 0.001 / len(found), (name, result)
