"""From group means to the product: flags, odd points that must not cost the others, lines of theory."""

import numpy as np
import pytest
import xarray as xr

from nessmap.evaluate import evaluate_points, evaluate_theory
from nessmap.model import Run, Stability
from nessmap.observables import OBSERVABLES
from nessmap.phase_diagram import FLAGS, line_values
from nessmap.simulate import Status
from nessmap.statistics import N_GROUP, STATISTICS

RUN = Run(0.05, 1000, 128)
NOISELESS = {"drift_matrix": [[-1.0, 0.5], [0.5, -1.0]], "diffusion_matrix": [[0.0, 0.0], [0.0, 1.0]]}


def means_of(model):
    return {name: statistic.zero(model) + 1.0 for name, statistic in STATISTICS.items() if name.endswith("covariance")}


def test_a_point_whose_theory_fails_gives_no_number_and_costs_no_other():
    from nessmap.models import MODELS

    points = [{}, NOISELESS, {"drift_matrix": [[-2.0, 0.0], [0.0, -1.0]]}]
    means = [means_of(MODELS["linear_langevin"](**point)) for point in points]
    names = ["entropy_production_rate", "site_variance"]
    with pytest.warns(RuntimeWarning, match="entropy_production_rate has no value"):
        good, odd, other = evaluate_points("linear_langevin", points, RUN, names, means)
    assert "entropy_production_rate" not in odd  # a driven direction without noise: the rate is infinite
    assert odd["entropy_production_rate_theory"] == np.inf
    assert {"entropy_production_rate", "site_variance_expected"} <= good.keys() & other.keys()


def test_a_system_of_one_coordinate_has_no_mutual_information():
    point = {"drift_matrix": [[-1.0]], "diffusion_matrix": [[1.0]]}
    means = {"covariance": np.ones((1, N_GROUP)), "lagged_covariance": np.ones((1, N_GROUP))}
    (values,) = evaluate_points("linear_langevin", [point], RUN, ["mutual_information"], [means])
    assert np.isnan(values["mutual_information"])


def test_an_unstable_point_has_a_leading_rate_and_nothing_else():
    (values,) = evaluate_points("amari_field", [{"coupling": 1.2}], RUN, ["entropy_production_rate"], [None])
    assert values["leading_rate"] == pytest.approx(0.2)
    assert not any(name.startswith("entropy") for name in values)
    row = evaluate_theory("amari_field", RUN, [{"coupling": 1.2}], ["entropy_production_rate"])[0]
    assert row[0] == pytest.approx(0.2)
    assert np.isnan(row[1])


def test_theory_lines_hold_the_grid_and_nine_points_between():
    line = line_values(np.array([0.1, 0.2, 0.5]))
    assert len(line) == 21
    assert {0.1, 0.2, 0.5} <= set(line.tolist())


def test_flags_are_distinct_and_a_vanishing_transfer_entropy_is_at_a_boundary():
    assert len(set(FLAGS.values())) == len(FLAGS)
    point = {"weight_ei": 0.0}
    row = evaluate_theory("excitatory_inhibitory_field", RUN, [point], ["transfer_entropy_rate_back"])[0]
    assert row[1] == 0.0
    assert not OBSERVABLES["transfer_entropy_rate_back"].signed


@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_a_critical_point_is_unstable_whatever_the_rounding_of_its_rate(sign):
    from nessmap.models import MODELS

    model = MODELS["excitatory_inhibitory_field"]()
    assert not model.is_stationary(Stability(sign * 1e-16, "Hopf", 0.0))
    assert model.is_stationary(Stability(-1e-9, "Hopf", 0.0))


def test_before_any_run_there_is_theory_and_no_number(say, there, tmp_path):
    store = tmp_path / "theory.zarr"
    empty = ("--results", str(tmp_path / "none"))
    assert say("aggregate", "tiny", "--executor", "serial", "--output", str(store), *empty)[0] == 0
    theory, whole = xr.open_zarr(store), xr.open_zarr(there / "results" / "tiny" / "phase_diagram.zarr")
    assert (theory["status"] == Status.absent).all()
    for name in ("entropy_production_rate", "site_variance"):
        assert theory[name].isnull().all()
        assert (theory[f"{name}_flag"] == FLAGS["no_run"]).all()
        np.testing.assert_array_equal(theory[f"{name}_theory"], whole[f"{name}_theory"])
    assert theory.attrs["content_digest"] != whole.attrs["content_digest"]


def test_the_log_as_it_is_gives_the_same_numbers_as_points_zarr(say, there, tmp_path):
    store = tmp_path / "now.zarr"
    assert say("aggregate", "tiny", "--executor", "serial", "--output", str(store))[0] == 0
    whole = xr.open_zarr(there / "results" / "tiny" / "phase_diagram.zarr")
    assert xr.open_zarr(store).attrs["content_digest"] == whole.attrs["content_digest"]
