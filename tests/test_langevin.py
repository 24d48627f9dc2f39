"""Any model from drift and noise alone: estimators against the Fokker-Planck equation, linear response, missing numbers."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from nessmap.model import Run, parameter
from nessmap.models.langevin import LangevinModel
from nessmap.models.linear_langevin import LinearLangevin
from nessmap.observables import OBSERVABLES
from nessmap.simulate import Status, Unit, simulate
from nessmap.statistics import STATISTICS
from nessmap.theory.fokker_planck import PlanarSystem, entropy_production_rate, settled_box
from sampling import estimates, group_means, trajectory

RATE, PATH = "entropy_production_rate", "entropy_production_rate_path"
FITTED = ("mutual_information", "information_flow", "transfer_entropy_rate", "entropy_production_rate_fitted")


@dataclasses.dataclass(frozen=True)
class Swirl(LangevinModel):
    """A trap that turns, harder than a harmonic one, about a centre that need not be the origin."""

    name, version, n_dim = "swirl", 1, 2
    partition = {"first": [0], "second": [1]}  # noqa: RUF012  # no field of the dataclass

    turning: float = parameter(0.7, "rate of turning", units="1/time")
    hardness: float = parameter(0.3, "cubic force", units="1/x^2 time")
    centre: float = parameter(0.0, "centre", units="x")
    noise: float = parameter(0.4, "noise", units="x^2/time", above=0.0)

    def drift(self, x, t):
        a, b = x - self.centre
        return np.stack([-a - self.hardness * a**3 + self.turning * b, -b - self.turning * a])

    def diffusion(self, x, t):
        return self.noise * np.array([[1.0, 0.3], [0.3, 1.0]])


@dataclasses.dataclass(frozen=True)
class LocalNoise(Swirl):
    """The same with noise that grows with the state; strengths of each coordinate's own."""

    name, local_noise = "local_noise", True
    interpretation: str = parameter("ito", "interpretation", choices=("ito", "stratonovich", "anti_ito"))

    def diffusion(self, x, t):
        return self.noise * (1 + 0.3 * np.asarray(x) ** 2)


def exact(model):
    """Entropy production rate by the Fokker-Planck equation."""
    constant = None if model.local_noise else model.diffusion(np.zeros(2), 0.0)
    alpha = {"ito": 0.0, "stratonovich": 0.5, "anti_ito": 1.0}[model.interpretation]
    noise = constant if constant is not None else lambda u: model.diffusion(u, 0.0)
    system = PlanarSystem(lambda u: model.drift(u, 0.0), noise, alpha if model.local_noise else 0.0)
    return entropy_production_rate(system, settled_box(system, [0.0, 0.0])).value


def measured(model, names, *, dt=0.02, duration=100.0, key=1):
    stored = tuple({need for name in names for need in OBSERVABLES[name].needs_for(type(model))})
    means = group_means(model, dt=dt, duration=duration, n_lane=256, key=key, statistics=stored)
    return estimates(model, means, dt, names, Run(dt, 1000))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [Swirl(), *(LocalNoise(interpretation=name) for name in ("ito", "stratonovich", "anti_ito"))],
    ids=["additive", "ito", "stratonovich", "anti_ito"],
)
def test_both_estimators_are_those_of_the_fokker_planck_equation(model):
    found, rate = measured(model, (RATE, PATH)), exact(model)
    # the path sum is low by gamma dt: the stiffest rate here, 1 + 9 hardness D, is below 2.1
    for name, allowed in ((RATE, 0.01), (PATH, 0.045)):
        assert abs(found[name].value - rate) < 4 * found[name].standard_error + allowed * rate


@pytest.mark.slow
def test_interpretations_differ_by_more_than_the_errors():
    rates = [exact(LocalNoise(interpretation=name)) for name in ("ito", "stratonovich", "anti_ito")]
    found = measured(LocalNoise(interpretation="ito"), (RATE,))[RATE]
    assert min(abs(np.diff(rates))) > 3 * found.standard_error


@pytest.mark.slow
def test_errors_of_nonlinear_estimates_are_calibrated():
    """z against the Fokker-Planck equation, over independent runs, is Student's t with 15 degrees of freedom."""
    model = Swirl()
    rate, scores = exact(model), []
    for key in range(60):
        found = measured(model, (RATE,), dt=0.05, duration=20.0, key=key)[RATE]
        scores.append((found.value - rate) / found.standard_error)
    # Heun is off by (gamma dt)^2 = 0.25 %, a twentieth of the error of a run
    assert stats.kstest(scores, stats.t(15).cdf).pvalue > 0.001
    assert 0.75 < np.std(scores) / stats.t(15).std() < 1.3  # 60 scores: 9 %, three standard errors


def test_a_linear_drift_has_the_theory_of_the_linear_model():
    model = Swirl(hardness=0.0, centre=1.5)
    linear = LinearLangevin(
        drift_matrix=((-1.0, 0.7), (-0.7, -1.0)),
        diffusion_matrix=((0.4, 0.12), (0.12, 0.4)),
        parts={"first": (0,), "second": (1,)},
    )
    expected, found = linear.theory(), model.theory()
    assert expected.keys() <= found.keys()
    for name, prediction in expected.items():
        assert found[name].value == pytest.approx(prediction.value, rel=1e-9, abs=1e-12)
        assert found[name].kind == "approximate"
    assert model.fixed_point == pytest.approx(1.5, abs=1e-12)
    assert model.small_parameter < 1e-12


def test_covariances_are_about_the_mean_wherever_that_lies():
    near, far = (measured(Swirl(centre=c), FITTED, duration=20.0) for c in (0.0, 100.0))
    for name in ("mutual_information", "transfer_entropy_rate", "entropy_production_rate_fitted"):
        np.testing.assert_allclose(near[name], far[name], rtol=1e-8)


def test_a_system_that_runs_away_from_its_reference_has_its_mean_taken_off():
    """Hardness and noise shift nothing here, but a third of the lanes' drift does: means are those of the run."""
    model = Swirl()
    block = trajectory(model, 4, n_lane=32)
    shifted = {"site_moments": np.array([0.5, -0.2, 1.0, 1.0]), "covariance": np.array([1.0, 0.3, 2.0])}
    central = model.central(shifted)
    np.testing.assert_allclose(central["covariance"], [1 - 0.25, 0.3 + 0.1, 2 - 0.04])
    np.testing.assert_allclose(model.site_variance(shifted), ((1 - 0.25) + (1 - 0.04)) / 2)
    np.testing.assert_allclose(model.deviations(block.x), block.x, atol=1e-12)


class Noiseless(Swirl):
    name = "noiseless"

    def diffusion(self, x, t):
        return np.diag([self.noise, 0.0])


def test_without_noise_in_every_direction_there_is_no_entropy_and_it_is_said_why():
    model = Noiseless()
    found = measured(model, (RATE, PATH, "site_variance"), duration=5.0)
    for name in (RATE, PATH):
        assert np.isnan(found[name].value)
        assert "noise" in OBSERVABLES[name].why_undefined(model, Run(0.02))
    assert found["site_variance"].value > 0


class Fleeing(Swirl):
    """No fixed point: the drift is 1 everywhere."""

    name = "fleeing"

    def drift(self, x, t):
        return np.ones_like(x)


def test_a_model_without_a_fixed_point_is_a_status_and_no_number(monkeypatch):
    monkeypatch.setattr(Unit, "build", lambda unit: Fleeing())
    unit = Unit("fleeing", {}, "stationary", 0.05, 1, 0, 16, 100, ("site_moments",))
    records = simulate(unit)
    assert {record.status for record in records} == {Status.unstable}
    assert "no fixed point" in records[0].message


@dataclasses.dataclass(frozen=True)
class Volts(Swirl):
    """The same in units a million times smaller, with the default scale."""

    name = "volts"

    def drift(self, x, t):
        return 1e-6 * super().drift(1e6 * np.asarray(x), t)

    def diffusion(self, x, t):
        return 1e-12 * super().diffusion(x, t)


def test_the_units_of_the_state_do_not_matter():
    here, small = (measured(model, (RATE, PATH), duration=10.0) for model in (Swirl(), Volts()))
    for name in (RATE, PATH):
        np.testing.assert_allclose(here[name], small[name], rtol=1e-5)


def test_a_run_that_ends_within_a_segment_is_averaged_over_whole_ones():
    for name in ("path_entropy", "twin_entropy"):
        statistic = STATISTICS[name]
        assert statistic.n_term(Run(0.1, 1000 + statistic.segment // 2)) == statistic.n_term(Run(0.1, 1000))
