"""Error bars over a sweep: z-scores against exact expectations follow Student's t with 15 degrees of freedom.

Every cell holds at least 1000 correlation times of its slowest mode, all lanes together. A rejection level of 0.001, shared
among the observables, at a fixed seed.
"""

import numpy as np
import pytest

from nessmap.models.amari_field import AmariField
from nessmap.models.excitatory_inhibitory_field import ExcitatoryInhibitoryField
from nessmap.observables import OBSERVABLES
from nessmap.statistics.calibration import calibration
from sampling import LANES, expectations, group_means, z_scores

CORRELATION_TIMES = 1000
DT = 0.05


def amari_fields(n_site, length):
    """21 couplings x 12 shifts x 2 noise correlation lengths = 504 cells."""
    for coupling in np.linspace(0.1, 0.9, 21):
        for shift in np.linspace(0.05, 1.0, 12):
            for correlation in (0.0, 0.5):
                yield AmariField(
                    coupling=coupling, shift=shift, noise_correlation_length=correlation, n_site=n_site, length=length
                )


def excitatory_inhibitory_fields():
    """28 x 18 = 504 stable cells."""
    for gain in np.linspace(0.1, 1.0, 28):
        for inhibition in np.linspace(0.2, 1.9, 18):
            yield ExcitatoryInhibitoryField(excitatory_gain=gain, weight_ei=inhibition)


def sweep_of_z_scores(models):
    """z by observable over all cells."""
    scores = {}
    for number, model in enumerate(models):
        duration = max(20.0, CORRELATION_TIMES / (LANES * -model.stability().leading_rate))
        means = group_means(model, dt=DT, duration=duration, key=number + 20251018)
        for name, z in z_scores(model, expectations(model, DT), means, DT).items():
            scores.setdefault(name, []).append(z)
    return {name: np.concatenate(z) for name, z in scores.items()}


SWEEPS = {
    "ring of 16 sites": (AmariField, lambda: amari_fields(16, 6.0)),
    "ring of 64 sites": (AmariField, lambda: amari_fields(64, 12.0)),
    "excitation and inhibition": (ExcitatoryInhibitoryField, excitatory_inhibitory_fields),
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in SWEEPS if name != "ring of 16 sites"]


@pytest.mark.parametrize("sweep", ["ring of 16 sites", *SLOW])
def test_z_scores_over_a_sweep_are_calibrated(sweep):
    model, cells = SWEEPS[sweep]
    scores = sweep_of_z_scores(cells())
    assert scores.keys() == {name for name, observable in OBSERVABLES.items() if observable.defined_for(model)}
    found = {name: calibration(z) for name, z in scores.items()}
    for name, result in found.items():
        assert result.n >= 500, (name, result)
        assert min(result.p_value, result.spread_p_value) > 0.001 / len(found), (name, result)
