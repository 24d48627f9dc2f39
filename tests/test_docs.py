"""The documentation does what it says: every example is executed or says why not, the sample is what it claims to be."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import xarray as xr
import yaml

from nessmap import explorer
from nessmap.assembly import open_store
from nessmap.command_line import parser
from nessmap.phase_diagram import content_digest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SAMPLE = DOCS / "sample"
SWEEPS = sorted((ROOT / "workflow" / "sweeps").glob("*.yaml"))
# written by people; what the build writes is looked at through docs/gallery.py
MADE = {"gallery", "_build", "reference.md"}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [page for page in PAGES if not MADE & set(page.relative_to(ROOT).parts)]
# what a clone has that an example may use
CLONE = ("Snakefile", "workflow", "profiles", "docs", "benchmarks", "pyproject.toml")
RUN = {"python", "sh", "console"}
OTHER = {"text", "yaml", "{toctree}", "{literalinclude}"}


class Block(NamedTuple):
    page: Path
    line: int
    language: str
    text: str


def blocks_of(page: Path, text: str = "") -> list[Block]:
    """Every fenced block of a page."""
    found, language, start, lines = [], None, 0, []
    for number, line in enumerate((text or page.read_text()).splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif language is None:
            language, start, lines = (line[3:].split() or [""])[0], number, []
        else:
            found.append(Block(page, start, language, "\n".join(lines)))
            language = None
    assert language is None, f"{page}:{start}: a block that does not end"
    return found


def commands_of(block: Block) -> list[str]:
    return [line for line in block.text.splitlines() if line.strip() and not line.startswith("#")]


# by how the command begins
NOT_RUN = {
    "make run": ".ci/run runs it",
    "make test": "this is one of the tests",
    "python benchmarks/": "its output is on the page",
}


def reason(command: str) -> str:
    """Why a command is not executed; empty where it is."""
    return next((why for beginning, why in NOT_RUN.items() if command.startswith(beginning)), "")


def label(page: Path) -> str:
    return str(page.relative_to(ROOT))


EXAMPLES = [block for page in PAGES for block in blocks_of(page) if block.language in RUN]
WITH_PYTHON, WITH_SHELL = (
    sorted({block.page for block in EXAMPLES if block.language in languages}) for languages in ({"python"}, {"sh"})
)


def test_every_block_is_run_or_is_no_example():
    unknown = [f"{label(b.page)}:{b.line} {b.language!r}" for page in PAGES for b in blocks_of(page)
               if b.language not in RUN | OTHER]  # fmt: skip
    assert unknown == [], "name the language; what is no example is text"
    indented = [f"{label(page)}: {line}" for page in PAGES for line in page.read_text().splitlines()
                if re.match(r"    (nessmap|snakemake|python|make|\$) ", line)]  # fmt: skip
    assert indented == [], "commands stand in fenced blocks, where they are run"


def test_the_page_of_targets_counts_the_examples():
    commands = [command for block in EXAMPLES if block.language != "python" for command in commands_of(block)]
    n_python = sum(block.language == "python" for block in EXAMPLES)
    n_excused = sum(bool(reason(command)) for command in commands)
    n_all = n_python + len(commands)
    said = re.search(r"(\d+) of (\d+) run", (DOCS / "targets.md").read_text())
    assert said is not None
    assert tuple(map(int, said.groups())) == (n_all - n_excused, n_all)
    unused = [start for start in NOT_RUN if not any(command.startswith(start) for command in commands)]
    assert unused == []


def test_every_nessmap_command_that_is_named_is_one():
    """In tables and sentences, too, and on the gallery's pages."""
    sys.path.insert(0, str(DOCS))
    import gallery

    texts = {label(page): page.read_text() for page in PAGES}
    texts |= {f"gallery/{file.stem}": "\n".join(gallery.commands(file.stem)) for file in SWEEPS}
    inline = re.compile(r"`(nessmap [^`\n]+)`")
    for page, text in texts.items():
        found = [*inline.findall(text), *(c for b in blocks_of(Path(page), text + "\n") if b.language in RUN
                                          for c in commands_of(b) if c.startswith("nessmap "))]  # fmt: skip
        for command in found:
            words = shlex.split(command.split(" > ")[0].split(" | ")[0], comments=True)[1:]
            if words[-1] in ("--help", "plan", "cite") or len(words) == 1 or "..." in words:
                continue  # the name of a command, in a sentence
            try:
                parser().parse_args(words)
            except SystemExit as error:
                pytest.fail(f"{page}: {command}: ended with {error.code}")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A folder that looks like a fresh clone; what one page computes, another need not compute again."""
    folder = tmp_path_factory.mktemp("clone")
    for name in CLONE:
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture
def clone(copy, monkeypatch):
    monkeypatch.chdir(copy)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("BROWSER", "true")  # a browser that shows nothing
    return copy


def run(command: str, folder: Path) -> None:
    ended = subprocess.run(
        ["bash", "-ec", command], cwd=folder, capture_output=True, text=True, timeout=900, check=False
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout[-2000:]}\n{ended.stderr[-3000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({*WITH_PYTHON, *WITH_SHELL}), ids=label)
def test_the_examples_of_a_page_run_in_its_order(page, clone):
    names: dict[str, object] = {}
    for block in (block for block in EXAMPLES if block.page == page):
        if block.language == "python":
            exec(compile(block.text, f"{label(page)}:{block.line}", "exec"), names)
            continue
        for command in commands_of(block):
            if not reason(command):
                # written where the page says, and never into the working copy
                run(command.replace("--output docs/", "--output made/"), clone)


def test_the_readme_opens_its_sample(clone, capsys):
    """What a newcomer tries first, in the quick tests."""
    first = next(block for block in blocks_of(ROOT / "README.md") if block.language == "python")
    exec(compile(first.text, "README.md", "exec"), {})
    assert "1." in capsys.readouterr().out


# --- the built pages


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None and "CI" not in os.environ, reason="no chromium on the path")
def test_the_built_pages_ask_nothing_of_a_network_and_show_every_formula(tmp_path):
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view, asked = browser.new_page(), []
        view.set_default_timeout(300_000)
        view.on("request", lambda request: asked.append(request.url))
        for page, n_formula in (("theory", 1000), ("notation", 200), ("index", 0), ("gallery/amari_field", 0)):
            view.goto((tmp_path / f"{page}.html").as_uri())
            if n_formula:
                view.evaluate("MathJax.startup.promise.then(() => MathJax.startup.document.lazyTypesetAll())")
                assert view.locator("mjx-container mjx-math").count() >= n_formula, page
                errors = view.locator("mjx-merror").evaluate_all("all => all.map((e) => e.dataset.mjxError)")
                assert errors == [], page
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


# --- the sample


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLE.iterdir() if path.is_dir()))
class TestSample:
    def test_it_holds_what_its_digest_says(self, name):
        recorded = dict(re.findall(r"\| `(\S+)` \| `([0-9a-f]{32})` \|", (SAMPLE / "README.md").read_text()))
        dataset = open_store(SAMPLE / name / "phase_diagram.zarr")
        assert content_digest(dataset) == dataset.attrs["content_digest"] == recorded[name]

    def test_it_opens_without_loading(self, name):
        with xr.open_zarr(SAMPLE / name / "phase_diagram.zarr") as dataset:
            assert all(variable.chunks is not None or not variable.ndim for variable in dataset.data_vars.values())
            assert dataset.attrs["sweep"] == name

    def test_its_page_is_what_the_explorer_makes_of_it(self, name):
        """But for the packed numbers, which another build of zlib may pack otherwise."""

        def facts(text):
            data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
            return text.replace(data[1], ""), re.sub(r'"[A-Za-z0-9+/=]{24,}"', '"packed"', data[1])

        made = explorer.page(open_store(SAMPLE / name / "phase_diagram.zarr"), f"nessmap point {name}")
        kept = (SAMPLE / name / "explorer.html").read_text()
        assert facts(kept) == facts(made), "make it again: docs/sample/README.md says how"


def test_the_sample_is_small():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 2_000_000


# --- the gallery


def test_every_sweep_is_explained_to_a_neuroscientist_and_to_a_physicist():
    said = yaml.safe_load((DOCS / "gallery" / "explanations.yaml").read_text())
    assert sorted(said) == [file.stem for file in SWEEPS]
    for name, words in said.items():
        assert sorted(words) == ["checked", "seen"], name
        assert all(len(text.split()) >= 25 for text in words.values()), f"{name}: too short to explain anything"
        named = re.findall(r"tests/test_\w+\.py", words["checked"])
        assert [file for file in named if not (ROOT / file).exists()] == [], name


def test_a_page_of_the_gallery_shows_every_figure_that_was_collected(tmp_path):
    sys.path.insert(0, str(DOCS))
    import gallery

    for file in SWEEPS:
        if not (DOCS / "gallery" / f"{file.stem}.json").exists():
            continue
        text = gallery.page(file)
        said = gallery.explanations()[file.stem]
        assert said["seen"] in text
        assert said["checked"] in text
        for k, figure in enumerate(yaml.safe_load(file.read_text())["figures"]):
            kept = gallery.picture(file.stem, figure, k == 0)
            assert f"`{figure}`" in text
            assert not kept.exists() or f"]({kept.name})" in text, kept.name
    assert json.loads((DOCS / "gallery" / "amari_field.json").read_text())["points"] > 0
