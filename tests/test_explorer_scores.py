"""z-scores on the explorer's page: the same cells and the same numbers as in figures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from nessmap.assembly import open_store
from nessmap.explorer.payload import payload
from nessmap.figures import calibration, phase_diagram, zscores
from test_explorer import browser, diagram, in_a_browser, opened

__all__ = ["browser", "opened"]  # fixtures

SAMPLE = Path(__file__).parent.parent / "docs" / "sample"
QUOTED = re.compile(r"\|z\|<2\$?: ([\d.]+) % of (\d+), rms \$?z\$? = ([\d.]+)")


def scored():
    """A plane with z-scores as the product has them: a short run is far off, a zero of theory has none."""
    dataset = diagram(13, 10, 1).isel(noise=0, drop=True)
    dataset["obs0"][1, 0] += 100 * dataset["obs0_standard_error"][1, 0]  # where the run was short
    dataset["obs1_flag"][2, 2] = 4
    dataset["obs2"].attrs["theory_kind"] = "approximate"
    for name in ("obs0", "obs1", "obs2"):
        z = (dataset[name] - dataset[f"{name}_expected"]) / dataset[f"{name}_standard_error"]
        dataset[f"{name}_z"] = z.where(dataset[f"{name}_flag"] == 0).assign_attrs(long_name=f"z-score of {name}")
        dataset[f"{name}_theory"].attrs = dict(dataset[name].attrs)
    dataset["status"].attrs["flag_values"] = list(range(7))
    return dataset


def quoted(words):
    """Share, number and rms in a figure's or the page's words."""
    found = QUOTED.search(words.replace("|z| < 2", "|z|<2"))
    assert found, words
    return found.groups()


def in_figure(dataset, name):
    figure = phase_diagram.draw(dataset, variable=name, x="coupling", y="shift")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    return quoted(next(title for title in titles if "|z|" in title))


def scores_in_payload(dataset):
    return {observable["name"]: observable["scores"] for observable in payload(dataset, "x")["observables"]}


@pytest.mark.parametrize("name", ["amari_field-small", "excitatory_inhibitory-small"])
def test_the_payload_of_a_run_has_the_numbers_of_its_figures(name):
    dataset = open_store(SAMPLE / name / "phase_diagram.zarr")
    made, samples = scores_in_payload(dataset), calibration.samples(dataset)
    assert len(samples) > 4
    for sample in samples:
        scores = made[sample.name]
        assert (scores["n"], scores["share"], scores["rms"]) == zscores.numbers(sample.z)


def test_the_payload_has_the_numbers_of_the_figures():
    dataset = scored()
    made = scores_in_payload(dataset)
    for sample in calibration.samples(dataset):
        scores = made[sample.name]
        assert (scores["n"], scores["share"], scores["rms"]) == zscores.numbers(sample.z)
    assert {name: scores["exact"] for name, scores in made.items()} == {"obs0": True, "obs1": True, "obs2": False}
    assert made["obs0"]["rms"] < 2  # without the short run
    assert made["obs1"]["n"] == made["obs0"]["n"] - 1


def test_an_observable_without_a_z_score_has_no_numbers():
    dataset = scored()
    dataset["obs0_flag"][:] = 1
    assert payload(dataset, "x")["observables"][0]["scores"] is None


@pytest.mark.parametrize("n_disorder", [None, 4, 32])
def test_the_law_has_one_degree_of_freedom_fewer_than_realisations_or_groups(n_disorder):
    dataset = scored()
    if n_disorder:
        dataset.coords["disorder"] = "disorder", np.arange(n_disorder)
    law = payload(dataset, "x")["law"]
    exact = stats.t((n_disorder or 16) - 1)
    assert law["degrees_of_freedom"] == (n_disorder or 16) - 1
    assert law["peak"] == pytest.approx(exact.pdf(0))
    assert law["share"] == pytest.approx(exact.cdf(2) - exact.cdf(-2))
    assert law["rms"] == pytest.approx(exact.std())
    assert {sample.degrees_of_freedom for sample in calibration.samples(dataset)} == {law["degrees_of_freedom"]}
    words = " ".join(text.get_text() for text in calibration.draw(dataset).legends[0].get_texts())
    assert f"$t$({law['degrees_of_freedom']}): {100 * law['share']:.1f} %" in words


class TestInABrowser:
    pytestmark = in_a_browser

    @pytest.mark.parametrize("k", [0, 1])
    def test_page_and_figure_quote_the_same_numbers(self, opened, k):
        dataset = scored()
        view = opened(dataset, f"#{k}.0.0.1.0.l.3-4")
        histogram = view.locator("#cuts svg").last
        assert quoted(histogram.text_content()) == in_figure(dataset, f"obs{k}")
        law = zscores.law()
        assert f"Student's t(15): {100 * law.share:.1f} %, {law.rms:.2f}" in histogram.text_content()
        assert "unit normal" in histogram.text_content()
        # the bars hold the cells that are counted
        bars = np.array(histogram.locator("rect").evaluate_all("all => all.map((r) => +r.getAttribute('height'))"))
        n = int(quoted(histogram.text_content())[1])
        z = next(s.z for s in calibration.samples(dataset) if s.name == f"obs{k}")
        counts, _ = np.histogram(np.clip(z, -3.999, 3.999), np.linspace(-4, 4, 25))
        assert counts.sum() == n
        assert np.rint(bars / bars.max() * counts.max()).sum() == n
        moved = np.abs(bars / bars.max() * counts.max() - counts)  # a z near an edge, kept to 1/64, may lie beyond it
        assert moved.max() < 2.1
        assert (moved < 0.1).mean() > 0.7

    def test_nothing_is_expected_where_theory_is_approximate(self, opened):
        dataset = scored()
        histogram = opened(dataset, "#2.0.0.1.0.l.3-4").locator("#cuts svg").last
        assert quoted(histogram.text_content()) == in_figure(dataset, "obs2")
        assert "measures the approximation" in histogram.text_content()
        assert "Student" not in histogram.text_content()
        assert histogram.locator("path[stroke='var(--theory)']").count() == 0
