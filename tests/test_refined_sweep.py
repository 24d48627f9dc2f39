"""A refined sweep from its file to its phase diagram: the same points and bits whatever happens, and where they are."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import xarray as xr
import yaml

from conftest import copied_workflow, stored_segments, tiny_settings
from nessmap import choices, refinement, upkeep
from nessmap.assembly import MissingRecords, assemble, write_store
from nessmap.models.amari_field import AmariField
from nessmap.phase_diagram import aggregate
from nessmap.refined_sweep import run_refined
from nessmap.simulate import Status
from nessmap.sweep import SWEEPS, Sweep
from processes import wait_for
from test_disorder import MODEL
from test_workflow import run_snakemake

AXES = {"coupling": {"linspace": [0.1, 0.9, 4]}, "shift": {"linspace": [0.0, 1.0, 4]}}
LEVEL = 0.15
WHERE = [{"level": LEVEL, "of": "entropy_production_rate"}]
SECTIONS = {
    "axes": AXES,
    "refine": {"levels": 3, "budget": 300, "where": WHERE},
    "run": {"duration": 20},
    "observables": ["entropy_production_rate", "site_variance"],
    "figures": {"map": {"draw": "refined_map", "variable": "entropy_production_rate", "x": "coupling", "y": "shift"}},
}


def product(sweep, results, run):
    """The phase diagram of what was chosen."""
    refined, _, report = run_refined(sweep, results / "points", run)
    return refined, report, aggregate(sweep, assemble(sweep, results / "points", []), run)


@pytest.fixture(scope="module")
def made(tmp_path_factory, serially):
    """The sweep computed from nothing: its file, results, choice, report and phase diagram."""
    folder = tmp_path_factory.mktemp("refined")
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_settings(**SECTIONS), sort_keys=False))
    return path, folder, *product(Sweep(path), folder, serially)


@cache
def exact(coupling: float, shift: float) -> float:
    field = AmariField(n_site=8, length=8.0, kernel_width=1.2, coupling=coupling, shift=shift)
    return float(field.theory(["entropy_production_rate"])["entropy_production_rate"].value)


def distances(dataset, theory, x, y, level):
    """Distance of what was located from a boundary of exact theory: |f - level| / |grad f|, axes in units of their extents."""
    found = np.stack([dataset[f"boundary_{name}"].values for name in (x, y)], axis=1).astype(float)
    extents = np.array([np.ptp(dataset[name].values) for name in (x, y)])
    made = []
    for place in found:
        steps = 1e-4 * np.diag(extents)
        place = np.maximum(place, np.diag(steps))  # no parameter of these sweeps may be negative
        slopes = [(theory(*(place + step)) - theory(*(place - step))) / 2e-4 for step in steps]
        made.append((theory(*place) - level) / np.hypot(*slopes))
    return np.array(made)


def test_the_boundary_is_located_to_one_per_cent(made):
    _, _, sweep, report, dataset = made
    assert (report.absent, report.failed) == (0, 0)
    assert sweep.mesh.n_uniform == 25 * 25
    off = distances(dataset, exact, "coupling", "shift", LEVEL)
    assert len(off) > 20
    assert np.abs(off).max() < 0.01
    assert dataset.sizes["point"] < sweep.mesh.n_uniform / 3
    # where theory has it along the same edge, from the same two points: what is left is the curvature within the edge
    z = dataset["boundary_z"].values
    z = z[np.isfinite(z)]
    assert len(z) > 20
    # Student's t with 15 degrees of freedom has 1.07; neighbouring crossings share points, so that a third of them count
    assert abs(np.sqrt(np.mean(z**2)) - 1.07) < 4 * 1.07 / np.sqrt(2 * len(z) / 3)


def test_every_point_of_the_finest_cells_has_the_boundary_near(made):
    *_, dataset = made
    finest = dataset["level"].values == 3
    assert finest.any()
    near = [abs(exact(*one) - LEVEL) for one in zip(*(dataset[n].values[finest] for n in AXES), strict=True)]
    # two finest cells away at most: the gradient of the rate is below 2 in either direction
    assert max(near) < 2 * 2 * (0.8 / 12 + 1.0 / 12)


def test_a_second_run_computes_nothing_and_chooses_the_same(made, serially):
    path, folder, sweep, _, dataset = made
    before = stored_segments(folder)
    again, report, repeated = product(Sweep(path), folder, serially)
    assert (report.computed, report.present) == (0, len(sweep.points))
    assert again.places == sweep.places
    assert repeated.attrs["content_digest"] == dataset.attrs["content_digest"]
    assert stored_segments(folder) == before


@pytest.mark.parametrize(("n_batch", "seconds"), [(2, 2.0), pytest.param(40, 0.0, marks=pytest.mark.slow)])
def test_a_run_that_was_killed_goes_on_and_gives_the_same(
    n_batch, seconds, made, sweep_file, serially, tmp_path, monkeypatch
):
    *_, sweep, _, dataset = made
    monkeypatch.setattr("nessmap.shard.BATCH_SECONDS", seconds)  # two rounds, or a segment per unit
    left = [n_batch]

    def stopping(function, tasks):
        for task in tasks:
            if function.__name__ == "run_batch":
                left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            yield from serially(function, [task])

    with pytest.raises(KeyboardInterrupt):
        run_refined(Sweep(sweep_file(**SECTIONS)), tmp_path / "points", stopping)
    assert len(stored_segments(tmp_path)) == n_batch
    chosen = choices.so_far(Sweep(sweep_file(**SECTIONS)), tmp_path)
    assert 16 <= len(chosen.points) < len(sweep.points)
    again, report, repeated = product(Sweep(sweep_file(**SECTIONS)), tmp_path, serially)
    assert 0 < report.computed == len(sweep.points) - report.present
    assert seconds or report.present == n_batch
    assert again.places == sweep.places
    assert repeated.attrs["content_digest"] == dataset.attrs["content_digest"]


@pytest.mark.slow
def test_dask_workers_choose_the_same_points(made, sweep_file, two_workers, tmp_path):
    *_, sweep, _, dataset = made
    again, _, repeated = product(Sweep(sweep_file(**SECTIONS)), tmp_path, two_workers)
    assert again.places == sweep.places
    assert repeated.attrs["content_digest"] == dataset.attrs["content_digest"]


@pytest.mark.slow
def test_a_uniform_grid_shares_what_was_refined(made, sweep_file, run_sweep):
    _, folder, sweep, _, _ = made
    axes = {name: {"linspace": [*spec["linspace"][:2], 25]} for name, spec in AXES.items()}
    uniform = {**SECTIONS, "axes": axes}
    del uniform["refine"], uniform["figures"]
    outcome = run_sweep(sweep_file("uniform", **uniform), results=folder)
    assert outcome.report.present == len(sweep.points)
    assert outcome.report.computed == 625 - len(sweep.points)


def test_the_product_says_where_its_points_are(made, tmp_path):
    *_, sweep, _, dataset = made
    write_store(dataset, tmp_path / "phase_diagram.zarr")
    stored = xr.open_zarr(tmp_path / "phase_diagram.zarr").load()
    facts = json.loads(stored.attrs["refinement"])
    assert (facts["axes"], facts["shape"], facts["levels"]) == (["coupling", "shift"], [4, 4], 3)
    assert facts["points_of_a_uniform_grid"] == 625
    places = np.stack([stored["place_coupling"].values, stored["place_shift"].values], axis=1)
    assert [tuple(place) for place in places] == list(sweep.places)
    assert stored["coupling"].values == pytest.approx(0.1 + 0.8 * places[:, 0] / 24, abs=1e-12)
    assert (stored["level"].values == [sweep.mesh.level_of(place) for place in sweep.places]).all()
    assert {str(words) for words in stored["boundary_of"].values} == {f"entropy_production_rate = {LEVEL:g}"}
    assert set(stored["status"].values) <= {Status.ok, Status.short_run}
    along = stored["boundary_axis"].values == "shift"
    assert (stored["boundary_width"].values[along] <= 1 / 3 + 1e-12).all()


def test_manifests_vouch_for_the_choice_that_they_hold(made, serially, sweep_file, say, tmp_path):
    path, folder, sweep, _, _ = made
    manifest = tmp_path / "0.json"
    words = ("simulate", str(path), "--results", str(folder), "--executor", "serial")
    assert say(*words, "--manifest", str(manifest))[0] == 0
    content = json.loads(manifest.read_text())
    assert set(content["points"]) == {point.key for point in sweep.points}
    assert len(assemble(Sweep(path), folder / "points", [manifest])["point"]) == len(sweep.points)
    other = sweep_file(**{**SECTIONS, "refine": {**SECTIONS["refine"], "levels": 2}})
    with pytest.raises(MissingRecords, match="other settings of tiny's refine"):
        assemble(Sweep(other), folder / "points", [manifest])
    status, _, errors = say(*words, "--shard", "0", "--of", "2")
    assert status == 2
    assert "--of 2, expected 1: tiny is refined" in errors


def test_a_manifest_of_another_choice_is_renewed_by_hand(made, say, sweep_file, tmp_path):
    short = {**SECTIONS, "refine": {**SECTIONS["refine"], "budget": 40}}
    words = ("simulate", str(sweep_file(**short)), "--results", str(tmp_path), "--executor", "serial")
    manifest = tmp_path / "tiny" / "shards" / "0.json"
    status, _, errors = say(*words, "--manifest", str(manifest))
    assert status == 0
    assert "the budget of 40 points is spent" in errors
    assert len(json.loads(manifest.read_text())["points"]) <= 40
    sweep_file(**{**short, "refine": {**short["refine"], "budget": 60}})
    status, _, errors = say(*words)
    assert "says what became of its points; snakemake assembles them again" in errors
    assert 40 < len(json.loads(manifest.read_text())["points"]) <= 60
    assert "assembles them again" not in say(*words)[2]


def test_plan_and_status_say_how_far_it_is(made, say, sweep_file, tmp_path):
    path, folder, sweep, _, _ = made
    said = say("plan", str(path), "--results", str(folder))[1]
    n = len(sweep.points)
    assert f"tiny: {n} points over coupling (4), shift (4)\n  present {n}, missing 0, shards 1" in said
    assert "refined from 16 points to level 3 of 3, where a uniform grid would have 625" in said
    assert f"{n} of 300 points of the budget are chosen: nothing asks for more" in said
    facts = json.loads(say("plan", str(path), "--results", str(folder), "--json")[1])
    assert (facts["level"], facts["budget"], facts["refined"], facts["budget_spent"]) == (3, 300, True, False)
    assert f"tiny: {n} points, level 3 of 3: " in say("status", str(path), "--results", str(folder))[1]
    before = say("plan", str(sweep_file(**SECTIONS)), "--results", str(tmp_path))[1]
    assert "16 of 300 points of the budget are chosen: at most 0.00019 core-hours for the rest" in before


def test_upkeep_wants_what_was_chosen(made):
    path, folder, sweep, _, _ = made
    wanted = upkeep.wanted_keys(folder, [choices.so_far(Sweep(path), folder)])
    assert wanted == {key for point in sweep.points for key in point.record_keys()}


def test_what_was_kept_of_another_file_is_not_used(made, sweep_file):
    _, folder, _, _, _ = made
    for change in ({"run": {"seed": 9, "duration": 20}}, {"refine": {**SECTIONS["refine"], "levels": 2}}):
        other = Sweep(sweep_file(**{**SECTIONS, **change}))
        assert choices.so_far(other, folder).places == tuple(sorted(refinement.grid(other.mesh).places))


def test_replicas_are_doubled_where_errors_are_too_large(sweep_file, serially, tmp_path):
    where = [*WHERE, {"error": "entropy_production_rate", "target": 0.002, "at": "boundaries"}]
    refine = {"levels": 1, "budget": 400, "most_doublings": 5, "where": where}
    sweep, report, dataset = product(Sweep(sweep_file(**{**SECTIONS, "refine": refine})), tmp_path, serially)
    more = dataset["doublings"].values > 0
    assert more.any()
    assert not more.all()
    error = dataset["entropy_production_rate_standard_error"].values
    # the error of 16 groups is itself known to 1 / sqrt(30), and falls as predicted
    assert (error[more] < 0.002 * (1 + 4 / np.sqrt(30))).all()
    units = sum(2 ** int(k) for k in dataset["doublings"].values)
    assert (report.computed, sum(len(p.units) for p in sweep.points)) == (units, units)
    z = dataset["entropy_production_rate_z"].values[more]
    assert np.sqrt(np.mean(z**2)) < 1.07 * (1 + 4 / np.sqrt(2 * len(z)))


@pytest.mark.slow
def test_the_boundaries_of_a_shipped_sweep_are_located_to_one_per_cent_with_a_tenth_of_a_uniform_grid(
    two_workers, tmp_path
):
    sweep = Sweep(SWEEPS / "refined_boundaries.yaml")
    refined, report, dataset = product(sweep, tmp_path, two_workers)
    assert (report.absent, report.failed) == (0, 0)

    def field(gain, weight):
        return sweep.model_class(**sweep.fixed, excitatory_gain=gain, weight_ei=weight)

    def flow(gain, weight):
        return float(field(gain, weight).theory(["information_flow"])["information_flow"].value)

    def rate(gain, weight):
        return float(field(gain, weight).stability().leading_rate)

    axes = ("excitatory_gain", "weight_ei")
    words = np.array([str(which) for which in dataset["boundary_of"].values])
    for which, theory in (("information_flow = 0", flow), ("stability", rate)):
        off = distances(dataset.isel(crossing=words == which), theory, *axes, 0.0)
        assert len(off) > 50
        assert np.abs(off).max() < 0.01
    # edges that boundaries cross are as short as those of the uniform grid; where errors leave more open, twice as long
    extents = [np.ptp(dataset[name].values) for name in axes]
    lengths = dataset["boundary_width"].values / [extents[axes.index(str(a))] for a in dataset["boundary_axis"].values]
    assert (lengths[words == "stability"] < 0.0126).all()
    assert np.median(lengths) < 0.0126
    assert sweep.mesh.n_uniform == 113 * 81
    # replicas included
    assert sum(2**k for k in refined.doublings) < sweep.mesh.n_uniform / 10


@pytest.mark.slow
def test_snakemake_takes_a_refined_sweep_to_figures_and_makes_only_what_changed(tmp_path, sweep_file, made):
    *_, sweep, _, dataset = made
    figures = {**SECTIONS["figures"], "calibration": {"draw": "calibration"}}
    folder = copied_workflow(tmp_path, sweep_file(**{**SECTIONS, "figures": figures}))
    run_snakemake(folder)
    results = folder / "results" / "tiny"
    assert {path.name for path in (results / "figures").glob("*.svg")} == {"map.svg", "calibration.svg"}
    assert (results / "explorer.html").exists()
    stored = xr.open_zarr(results / "phase_diagram.zarr")
    assert stored.attrs["content_digest"] == dataset.attrs["content_digest"]
    assert "Nothing to be done" in run_snakemake(folder, "-n")
    more = {**SECTIONS, "figures": figures, "refine": {**SECTIONS["refine"], "levels": 4}}
    sweep_file(**more).rename(folder / "workflow" / "sweeps" / "tiny.yaml")
    run_snakemake(folder)
    finer = xr.open_zarr(results / "phase_diagram.zarr")
    assert finer.sizes["point"] > len(sweep.points)
    assert set(dataset["key"].values) < set(map(str, finer["key"].values))
    log = (results / "logs" / "simulate-0.log").read_text()
    assert f"{finer.sizes['point'] - len(sweep.points)} units computed" in log


def test_realisations_of_the_disorder_are_doubled(serially, tmp_path):
    (tmp_path / "springs.py").write_text(MODEL)
    settings = {
        "model": "springs.py:Springs",
        "axes": {"noise": {"linspace": [0.5, 1.0, 3]}},
        "run": {"dt": 0.05, "duration": 5.0, "n_replica": 16},
        "observables": ["site_variance"],
        # the rates differ between realisations, so that errors are in proportion to the noise: 0.07 to 0.14 of 16
        "refine": {
            "levels": 1, "budget": 20, "most_doublings": 1, "where": [{"error": "site_variance", "target": 0.055}],
        },
    }  # fmt: skip
    (tmp_path / "springs.yaml").write_text(yaml.safe_dump(settings))
    _, report, dataset = product(Sweep(tmp_path / "springs.yaml"), tmp_path, serially)
    doublings = dataset["doublings"].values
    assert set(doublings) == {0, 1}
    assert report.computed == sum(16 * 2**k for k in doublings)
    realisations = dataset["realisations_of_site_variance"]
    assert realisations.sizes["disorder"] == 32
    assert (np.isfinite(realisations.values).sum(axis=1) == 16 * 2**doublings).all()
    # the jackknife over n realisations is their standard deviation over sqrt(n), but for the square of the mean: 1/n of it
    for k, values in enumerate(realisations.values):
        own = values[np.isfinite(values)]
        error = dataset["site_variance_standard_error"].values[k]
        assert error == pytest.approx(own.std(ddof=1) / np.sqrt(len(own)), rel=2 / len(own))


@pytest.mark.slow
def test_a_process_killed_between_rounds_leaves_what_the_next_one_goes_on_from(serially, sweep_file, tmp_path):
    path = sweep_file(**{**SECTIONS, "run": {"duration": 2000}})  # a round takes seconds
    words = [sys.executable, "-m", "nessmap", "simulate", str(path), "--results", str(tmp_path), "--executor", "serial"]
    killed = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(stored_segments(tmp_path)) >= 3 or killed.poll() is not None, 120)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    before = stored_segments(tmp_path)
    again, report, repeated = product(Sweep(path), tmp_path, serially)
    assert report.present > 0
    assert report.computed == len(again.points) - report.present
    assert {path: content for path, content in stored_segments(tmp_path).items() if path in before} == before
    fresh, _, one = product(Sweep(path), tmp_path / "fresh", serially)
    assert fresh.places == again.places
    assert repeated.attrs["content_digest"] == one.attrs["content_digest"]
