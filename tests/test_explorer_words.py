"""What leaves the explorer's page as words: a command for a shell, a table for a program, what is said to who cannot see."""

from __future__ import annotations

import csv
import io
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from test_explorer import browser, diagram, in_a_browser, opened

__all__ = ["browser", "opened"]  # fixtures

# what a shell, a browser or a table would take apart
WORDS = ["u/(1 + abs(u))", "it's; echo  $HOME", 'a "b", c', "plain", "two\nlines"]
FAILING = "document.execCommand = () => false"
REFUSED = "Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })"
WRITTEN = """
Object.defineProperty(navigator, "clipboard", { value: { writeText: async (words) => { window.written = words; } } });
"""


def in_words():
    transfer = {"noise": ("noise", np.array(WORDS, object), {"long_name": "transfer function"})}
    return diagram(4, 3, len(WORDS)).assign_coords(transfer).rename(noise="transfer")


def says(view, name, words):
    """Wait until an element's text begins with these words."""
    view.locator(f"#{name}", has_text=re.compile(f"^{re.escape(words.strip())}")).wait_for(state="attached")


class TestInABrowser:
    pytestmark = in_a_browser

    @pytest.mark.parametrize("k", range(len(WORDS)))
    def test_the_command_is_one_word_for_each_parameter(self, opened, k):
        view = opened(in_words(), f"#0.0.0.1.0.l.1-1-{k}")
        shown = view.locator("#command").text_content()
        expected = ["nessmap", "point", "plane", "coupling=0.5", "shift=0.5", f"transfer={WORDS[k]}", "--check"]
        assert shlex.split(shown) == expected
        said = subprocess.run(
            ["bash", "-c", shown.replace("nessmap", "printf '%s\\0'", 1)], capture_output=True, text=True
        )
        assert said.stdout.split("\0")[:-1] == expected[1:]
        assert "'" not in shown if WORDS[k] == "plain" else "'transfer=" in shown

    def test_the_table_comes_back_as_it_was(self, opened):
        view = opened(in_words())
        with view.expect_download() as download:
            view.click("#csv")
        text = Path(download.value.path()).read_bytes().decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(rows) == 4 * 3 * len(WORDS)
        assert list(dict.fromkeys(row["transfer"] for row in rows)) == WORDS
        assert all(None not in row and len(row["key"]) == 32 for row in rows)

    def test_the_button_copies_the_command(self, opened):
        view = opened(in_words(), "#0.0.0.1.0.l.2-1-1")
        view.evaluate(WRITTEN)
        view.click("#copy")
        says(view, "copy", "Copied")
        assert view.evaluate("window.written") == view.locator("#command").text_content()
        assert view.locator("#said").inner_text() == "command copied"

    def test_without_a_clipboard_the_command_is_copied_from_the_page(self, opened):
        view = opened(in_words(), "#0.0.0.1.0.l.2-1-1")
        view.evaluate(REFUSED)
        # what the browser hands to the clipboard, two spaces and all
        view.evaluate("addEventListener('copy', () => { window.written = String(getSelection()); })")
        view.click("#copy")
        says(view, "copy", "Copied")
        assert view.evaluate("window.written") == view.locator("#command").text_content()

    def test_where_nothing_can_be_copied_that_is_said_and_the_command_is_selected(self, opened):
        view = opened(in_words(), "#0.0.0.1.0.l.2-1-1")
        view.evaluate(REFUSED)
        view.evaluate(FAILING)
        view.click("#copy")
        says(view, "copy", "Press Ctrl+C")
        assert "could not be copied" in view.locator("#said").inner_text()
        assert view.evaluate("String(getSelection())") == view.locator("#command").text_content()

    def test_what_differs_from_the_drawing_before_is_said(self, opened):
        view = opened(diagram(), "#0.0.0.1.0.l.3-4-2")
        said = view.locator("#said")
        assert said.text_content() == ""
        cell = "coupling 0.4, kernel shift 0.4444, noise <strength> 0.03162: ok"
        for choice, value, expected in (
            ("observable", "1", f"observable 1; {cell}, estimate "),
            ("show", "1", f"standard error; {cell}, standard error "),
            ("show", "2", f"theory; {cell}, theory "),
            ("show", "3", f"z-score; {cell}, z-score "),
            ("colours", "1", "logarithmic colours"),
            ("x", "noise", "kernel shift over noise <strength>"),
            ("y", "", "along noise <strength>"),
        ):
            view.select_option(f"#{choice}", value)
            says(view, "said", expected)
        view.click("#theme")
        assert said.text_content() == "dark theme"
        view.locator("#sliders input").first.fill("5")
        assert said.text_content().startswith("coupling 0.6, kernel shift 0.4444")
        view.evaluate("location.hash = '#2.0.0.1.0.l.3-4-2'")
        says(view, "said", "observable 2; estimate; ")

    def test_files_are_said_and_said_again(self, opened):
        view = opened(diagram())
        before = set()
        for name in ("csv", "svg", "png", "png"):
            with view.expect_download():
                view.click(f"#{name}")
            words = view.locator("#said").text_content()
            assert words.rstrip("\N{NO-BREAK SPACE}") == f"plane-obs0.{name} saved"
            assert words not in before  # else a screen reader keeps silent
            before.add(words)
