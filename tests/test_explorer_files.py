"""Explorers that are too large for one file, or for a report."""

from __future__ import annotations

import base64
import re

import pytest

from nessmap import explorer
from nessmap.__main__ import main
from nessmap.assembly import write_store
from test_explorer import browser, diagram, fact, in_a_browser

__all__ = ["browser"]  # a fixture

FRAME = "<!doctype html><title>report</title><iframe width=1200 height=900></iframe>"


@pytest.fixture
def page_of(browser):
    """Opens a file; errors and requests are watched."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})

    def go(path, link=""):
        view = context.new_page()
        view.watched_errors, view.watched_requests = [], []
        view.on("pageerror", lambda error: view.watched_errors.append(str(error)))
        view.on("request", lambda request: view.watched_requests.append(request.url))
        view.goto(path.as_uri() + link)
        return view

    yield go
    context.close()


def arrived(view, name):
    view.wait_for_url(f"**/{name}#*")
    view.wait_for_selector("body[data-opened]")
    view.wait_for_selector("#map svg")


def in_frame(view, path):
    """Show a file as a report does, in a frame whose address holds it."""
    address = f"data:text/html;charset=utf-8;filename={path.name};base64,{base64.b64encode(path.read_bytes()).decode()}"
    view.evaluate("(address) => { document.querySelector('iframe').src = address; }", address)
    return len(address), view.frame_locator("iframe")


class TestManyPoints:
    def test_above_the_limit_every_observable_has_a_file_and_the_page_is_written_last(self, tmp_path):
        dataset, path = diagram(), tmp_path / "explorer.html"
        n_point = dataset["status"].size
        assert explorer.write(dataset, "x", path, n_point) == [path]
        written = explorer.write(dataset, "x", path, n_point - 1)
        assert [file.name for file in written] == ["explorer-obs1.html", "explorer-obs2.html", "explorer.html"]
        assert sorted(tmp_path.iterdir()) == sorted(written)  # nothing half written
        one = len(explorer.page(dataset, "x"))
        assert all(file.stat().st_size < one for file in written)

    def test_what_is_left_over_of_former_pages_is_known_and_nothing_else(self, tmp_path):
        dataset, path = diagram(), tmp_path / "explorer.html"
        explorer.write(dataset, "x", path, 1)
        (tmp_path / "explorer-mine.html").write_text("<p>notes</p>")
        fewer = dataset.drop_vars(str(name) for name in dataset if str(name).startswith("obs1"))
        assert explorer.left_over(path, explorer.write(fewer, "x", path, 1)) == [tmp_path / "explorer-obs1.html"]
        names = [file.name for file in explorer.left_over(path, explorer.write(dataset, "x", path))]
        assert names == ["explorer-obs1.html", "explorer-obs2.html"]

    def test_the_command_removes_them_and_publishes_the_page_last(self, tmp_path, monkeypatch, sweep_file):
        from nessmap import commands

        write_store(diagram(), tmp_path / "phase_diagram.zarr")
        published = []
        monkeypatch.setattr(commands, "publish", lambda *paths: published.extend(path.name for path in paths))
        output, note = tmp_path / "explorer.html", tmp_path / "report" / "explorer.html"
        command = ["explorer", str(sweep_file()), "--phase-diagram", str(tmp_path / "phase_diagram.zarr")]
        command += ["--output", str(output), "--for-report", str(note)]
        whole = explorer.write
        monkeypatch.setattr(explorer, "write", lambda *words: whole(*words, 1))
        assert main(command) == 0
        assert published == ["explorer-obs1.html", "explorer-obs2.html", "explorer.html", "explorer.html"]
        assert "in 3 files" in note.read_text()
        assert f"nessmap open {sweep_file()}" in note.read_text()
        monkeypatch.setattr(explorer, "write", whole)
        assert main(command) == 0
        assert [path.name for path in tmp_path.glob("*.html")] == ["explorer.html"]
        assert note.read_text() == output.read_text()


class TestManyPointsInABrowser:
    pytestmark = in_a_browser

    def test_the_choice_of_an_observable_leads_to_its_file_with_the_state(self, page_of, tmp_path):
        dataset = diagram()
        explorer.write(dataset, "nessmap point plane", tmp_path / "explorer.html", 1)
        view = page_of(tmp_path / "explorer.html", "#0.3.2.0.0.d.1-2-3")
        arrived(view, "explorer.html")
        assert view.locator("#observable option").all_inner_texts() == [f"observable {k}" for k in range(3)]
        view.select_option("#observable", "2")
        arrived(view, "explorer-obs2.html")
        assert view.evaluate("location.hash") == "#2.3.2.0.0.d.1-2-3"
        assert view.evaluate("document.activeElement.id") == "observable"
        assert [view.locator(f"#{name}").input_value() for name in ("observable", "show", "x", "y")] == [
            "2",
            "3",
            "noise",
            "coupling",
        ]
        value = float(re.findall(r"[\d.]+", fact(view, "observable 2"))[0])
        cell = dataset.isel(coupling=1, shift=2, noise=3)
        assert abs(value - float(cell["obs2"])) < float(cell["obs2_standard_error"]) / 10
        view.select_option("#observable", "0")
        arrived(view, "explorer.html")
        assert view.evaluate("location.hash") == "#0.3.2.0.0.d.1-2-3"
        view.go_back()
        arrived(view, "explorer-obs2.html")
        assert view.locator("#observable").input_value() == "2"
        assert view.watched_errors == []
        assert [url for url in view.watched_requests if not url.startswith("file:")] == []

    def test_a_link_to_another_observable_leads_there_and_back_leads_away(self, page_of, tmp_path):
        explorer.write(diagram(), "x", tmp_path / "explorer.html", 1)
        (tmp_path / "before.html").write_text("<title>before</title>")
        view = page_of(tmp_path / "before.html")
        view.goto((tmp_path / "explorer.html").as_uri() + "#1.0.0.1.0.l.3-4-2")
        arrived(view, "explorer-obs1.html")
        assert view.evaluate("location.hash") == "#1.0.0.1.0.l.3-4-2"
        view.go_back()
        view.wait_for_url("**/before.html")
        view.goto((tmp_path / "explorer-obs2.html").as_uri() + "#99.0.0.1.0.l.3-4-2")
        arrived(view, "explorer-obs2.html")
        assert view.locator("#observable").input_value() == "2"


class TestInAReport:
    def test_a_page_that_a_report_can_show_is_given_to_it(self, tmp_path):
        written = explorer.write(diagram(), "x", tmp_path / "explorer.html")
        explorer.write_for_report(written, "nessmap open plane", tmp_path / "report" / "explorer.html")
        assert (tmp_path / "report" / "explorer.html").read_bytes() == written[-1].read_bytes()


class TestInAReportInABrowser:
    pytestmark = in_a_browser

    def padded(self, path, n_byte):
        """A page of so many bytes."""
        path.write_text(path.read_text() + " " * (n_byte - path.stat().st_size))
        return path

    def test_just_below_the_limit_the_page_opens_above_it_a_note_says_where_it_is(self, page_of, tmp_path):
        (tmp_path / "report.html").write_text(FRAME)
        whole, shown = tmp_path / "tiny & so" / "explorer.html", tmp_path / "shown.html"
        explorer.write(diagram(), "x", whole)
        # what base64 makes of three bytes are four letters
        n_most = (explorer.LONGEST_ADDRESS - 1000) * 3 // 4
        explorer.write_for_report([self.padded(whole, n_most)], "nessmap open tiny", shown)
        assert shown.stat().st_size == n_most
        view = page_of(tmp_path / "report.html")
        length, frame = in_frame(view, shown)
        assert explorer.LONGEST_ADDRESS - 1100 < length <= explorer.LONGEST_ADDRESS
        frame.locator("body[data-opened]").wait_for()
        assert frame.locator("#map svg").count() == 1
        explorer.write_for_report([self.padded(whole, n_most + 3)], "nessmap open tiny", shown)
        assert shown.stat().st_size < 2000
        _, frame = in_frame(view, shown)
        frame.locator("h1").wait_for()
        words = frame.locator("main").inner_text()
        assert whole.as_posix() in words
        assert "nessmap open tiny" in words
        assert "1.5 MB" in words
        assert view.watched_errors == []

    def test_inside_a_report_the_command_is_copied_or_that_it_was_not_is_said(self, page_of, tmp_path):
        (tmp_path / "report.html").write_text(FRAME)
        explorer.write(diagram(), "x", tmp_path / "explorer.html")
        _, frame = in_frame(page_of(tmp_path / "report.html"), tmp_path / "explorer.html")
        frame.locator("body[data-opened]").wait_for()
        frame.locator("#copy").click()
        frame.locator("#said:has-text('command')").wait_for()
        said = frame.locator("#said").inner_text()
        selected = frame.locator("body").evaluate("() => String(getSelection())")
        assert said == "command copied" or selected == frame.locator("#command").text_content()
