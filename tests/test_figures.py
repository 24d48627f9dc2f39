"""The figures as files and pages: same bytes on redraw, provenance, legible in every case, mistakes named."""

import logging
import re
import subprocess
import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread
from PIL import Image

from figure_cases import CASES, COLLAPSE, CUT, MAP, REFINEMENT, SPECTRUM, TERMS, case
from figure_legibility import assert_legible
from figure_sweeps import (
    BALANCE,
    EPR,
    common_sweep,
    driven_sweep,
    field_sweep,
    refined_sweep,
    unstable_only,
    without_theory,
)
from nessmap import figures
from nessmap.figures import style
from nessmap.figures.axis import level_text


@pytest.fixture
def field() -> xr.Dataset:
    return common_sweep()


# of the same layout as a case that stays quick
VARIANTS = (
    "map, categories across",
    "map, one row",
    "map, own dimension across",
    "map, two by two",
    "cut, categories",
    "terms, facets",
    "terms, long names",
    "terms, theory lines",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in VARIANTS else ()) for name in CASES]
)
def test_texts_do_not_overlap_and_stay_on_the_page(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        figure = case(name)
    assert not caplog.records, "a font that is missing, or a glyph"
    assert_legible(figure)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("phase_diagram", MAP),
        pytest.param("phase_diagram", SPECTRUM, marks=pytest.mark.slow),
        ("calibration", {"variables": [EPR]}),
        ("collapse", COLLAPSE),
        pytest.param("terms", TERMS, marks=pytest.mark.slow),
        ("refinement", REFINEMENT),
    ],
    ids=["map", "map, own dimensions", "calibration", "collapse", "terms", "refinement"],
)
def test_redrawing_gives_the_same_bytes(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    own = driven_sweep if options in (SPECTRUM, TERMS) else refined_sweep
    sweep = field_sweep(5, 4) if kind in ("calibration", "collapse") or options == MAP else own()
    formats = ("svg", "png") if options == MAP else ("svg",)
    drawn = [(figures.draw(kind, sweep, **options), tmp_path / turn) for turn in "ab"]
    for one, two in zip(*(figures.save(figure, path, sweep.attrs, formats) for figure, path in drawn), strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_another_process_with_another_hash_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    sweep = field_sweep(5, 4)
    paths = figures.save(figures.draw("cut", sweep, **CUT), tmp_path / "here", sweep.attrs)
    assert [path.suffix for path in paths] == [".svg", ".png"]
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from figure_cases import *; sweep = field_sweep(5, 4);"
        "figures.save(figures.draw('cut', sweep, **CUT), sys.argv[1], sweep.attrs)"
    )
    folders = [str(Path(__file__).parent), str(Path(figures.__file__).parents[2])]
    command = [sys.executable, "-c", code, str(tmp_path / "there"), *folders]
    environment = {"PYTHONHASHSEED": "7", "MPLCONFIGDIR": matplotlib.get_configdir()}
    subprocess.run(command, check=True, env=environment)
    for path in paths:
        assert path.read_bytes() == (tmp_path / f"there{path.suffix}").read_bytes()


def test_files_carry_seed_digest_and_kernel_version_but_no_date_and_no_host(tmp_path: Path) -> None:
    figure, formats = case("map, signed"), ("svg", "png", "pdf")
    svg, png, pdf = figures.save(figure, tmp_path / "v1.2", common_sweep().attrs, formats)
    assert (svg.name, png.name) == ("v1.2.svg", "v1.2.png")
    text, facts = svg.read_text(), Image.open(png).text  # type: ignore[attr-defined]
    assert (facts["seed"], facts["kernel_version"]) == ("20251018", "3")
    for fact in ("seed: 20251018", "kernel_version: 3", "content_digest: 5f2c9e01"):
        assert fact in text
        assert fact in facts["Description"]
    assert "<dc:date>" not in text
    assert "CreationDate" not in pdf.read_bytes().decode("latin-1")
    assert "some host" not in text + "".join(facts.values())
    assert "<text" not in text, "glyphs are outlines: no font is needed to see them"
    assert imread(png).shape[1] == 300 * style.DOUBLE
    # The maps are pictures of 600 dots per inch, the lines are lines, and the file stays small.
    pictures = [part.split(">")[0] for part in text.split("<image")[1:]]
    widths = [float(part.split(' width="')[1].split('"')[0]) / 72 for part in pictures]
    pixels = [Image.open(BytesIO(b64decode(part.split("base64,")[1].split('"')[0]))).width for part in pictures]
    assert len(pictures) == 3, "two maps and a colour bar"
    assert all(abs(count / width - 600) < 20 for count, width in zip(pixels, widths, strict=True) if width > 1)
    assert 'id="theory"' in text
    assert 'id="boundary"' in text
    assert len(text) < 1e6


def test_names_of_figures_are_known_without_matplotlib() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import nessmap.figures; print('matplotlib' in sys.modules)"
    command = [sys.executable, "-c", code, str(Path(figures.__file__).parents[2])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_an_axis_of_equal_ratios_is_logarithmic_and_an_unsorted_one_is_sorted(field: xr.Dataset) -> None:
    couplings = np.geomspace(0.01, 1.0, field.sizes["coupling"])
    sweep = field.drop_dims("coupling_line").assign_coords(coupling=("coupling", couplings, field["coupling"].attrs))
    figure = figures.draw("phase_diagram", sweep.isel(coupling=slice(None, None, -1)), **MAP)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    low, high = axes.get_xlim()
    step = couplings[1] / couplings[0]
    assert (low, high) == pytest.approx((0.01 / step**0.5, step**0.5), rel=1e-9)
    straight = figures.draw("phase_diagram", sweep, **MAP)
    assert np.array_equal(
        np.ma.filled(axes.collections[0].get_array(), np.nan),
        np.ma.filled(straight.axes[0].collections[0].get_array(), np.nan),
        equal_nan=True,
    )


def test_held_axes_are_stated() -> None:
    field, x = field_sweep(4, 3), {"variable": EPR, "x": "coupling"}
    figure = figures.draw("cut", field, **x, at={"noise_correlation_length": 0.1, "shift": 0.9})
    stated = figure.get_suptitle().replace("\n", " ")
    assert stated == r"at kernel shift $s$ = 1, noise correlation length $\lambda$ = 0"
    figure = figures.draw("phase_diagram", field, **x)
    assert figure.get_suptitle() == r"at kernel shift $s$ = 0.5, noise correlation length $\lambda$ = 0.5"
    four = "4 of 5 values of noise correlation length"
    assert case("map, four facets").get_suptitle() == four


def test_a_series_that_is_not_to_be_seen_says_why(field: xr.Dataset) -> None:
    figure = figures.draw("cut", field, variable=EPR, x="shift", series="coupling")
    assert [text.get_text() for text in figure.legends[-1].get_texts()][-1] == "1.1 (unstable)"
    figure = case("cut, logarithmic")
    assert figure.legends[-1].get_texts()[0].get_text() == "0 (exactly 0)"


def test_an_empty_figure_says_so(field: xr.Dataset) -> None:
    for kind, options in (("phase_diagram", MAP), ("cut", {"variable": EPR, "x": "coupling"})):
        figure = figures.draw(kind, unstable_only(field), **options)
        said = [text.get_text() for text in figure.axes[0].texts]
        assert any(text.startswith("no estimate") for text in said)
    (axes,) = figures.draw("calibration", without_theory(field)).axes
    assert axes.texts[0].get_text().startswith("no $z$-scores")


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("terms", {"x": "time"}, "terms: variables is missing; this figure needs variables, x"),
        ("terms", {**TERMS, "variables": []}, "terms: variables has 0 observables, expected 1 to 6, a colour each"),
        ("terms", {**TERMS, "variables": [*BALANCE, BALANCE[0]]}, "total_production is there twice; leave one out"),
        ("terms", {**TERMS, "variables": ["entropy_flux"]}, "entropy_flux is no observable of this phase diagram"),
        ("terms", {**TERMS, "variables": ["entropy_flux"]}, "did you mean entropy_flow?"),
        (
            "terms",
            {"variables": ["excess", "power_spectrum"], "x": "drive"},
            "terms: variables: expected observables of one unit, found excess in k_B / time, "
            "power_spectrum in u^2 time",
        ),
        ("terms", {**TERMS, "x": "frequency"}, "terms: x = frequency is no axis of total_production"),
        ("terms", {**TERMS, "x": "tmie"}, "terms: x = tmie is no axis of this phase diagram; did you mean time?"),
        ("terms", {**TERMS, "at": {"copling": 0.2}}, "terms: at: copling is no axis of total_production; did you mean"),
        ("terms", {**TERMS, "yscale": "symlog"}, "terms: yscale = symlog, expected linear or log"),
        ("refinement", {"variables": ["excess"], "x": "drive"}, "x = drive has the values 0.0, 0.5, 1.0, expected two"),
        ("refinement", {"variables": ["excesss"], "x": "drive"}, "did you mean excess?"),
    ],
)
def test_mistakes_in_figures_of_several_observables_are_named(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        figures.draw(kind, driven_sweep(), **options)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("phase_diagramm", {}, "phase_diagramm is no figure; did you mean phase_diagram?"),
        ("phase_diagram", {**MAP, "colour": "red"}, "phase_diagram: colour is no option of this figure"),
        ("phase_diagram", {**MAP, "facets": "shift"}, "did you mean facet?"),
        ("phase_diagram", {"x": "coupling"}, "phase_diagram: variable is missing"),
        ("phase_diagram", {**MAP, "variable": "entropy_production"}, "did you mean entropy_production_rate?"),
        (
            "phase_diagram",
            {**MAP, "y": "shfit"},
            "phase_diagram: y = shfit is no axis of this phase diagram; did you mean shift?",
        ),
        ("phase_diagram", {**MAP, "y": "coupling"}, "x and y must differ"),
        ("phase_diagram", {**MAP, "scale": "sqrt"}, "scale = sqrt, expected auto, linear or log"),
        ("phase_diagram", {**MAP, "at": {"shift": 0.2}}, "at: shift is already an axis of the figure"),
        ("phase_diagram", {**MAP, "at": {"noise": 0.2}}, "did you mean noise_correlation_length?"),
        ("phase_diagram", {**MAP, "at": {"noise_correlation_length": "white"}}, "= white, expected a number"),
        ("cut", {"variable": EPR, "x": "wavenumber"}, "x = wavenumber is no axis of entropy_production_rate"),
        ("cut", {"variable": EPR, "x": "coupling", "yscale": "symlog"}, "yscale = symlog, expected linear or log"),
        ("calibration", {"variables": ["site_variance", "epr"]}, "variables: epr is no observable"),
    ],
)
def test_mistakes_are_named_with_their_remedy(
    field: xr.Dataset, kind: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        figures.draw(kind, field, **options)


def test_units_and_labels_are_mathtext() -> None:
    assert style.unit_text("1") == ""
    assert style.unit_text("nat / tau") == r"$\mathrm{nat}/\tau$"
    assert style.unit_text("length^2 / tau") == r"$\mathrm{length}^{2}/\tau$"
    assert style.label({"long_name": "coupling", "symbol": "g", "units": "1"}, "coupling") == "coupling $g$"
    assert style.label({}, "noise_amplitude") == "noise amplitude"
    assert level_text(1e-5) == "$10^{-5}$"
    assert style.value_text(0.5, "1 / time") == r"0.5$/\mathrm{time}$"
    with style.applied():
        broken = style.wrapped(r"rate $\dot S_\mathrm{env}$ of flow", 0.1)
    assert broken.split("\n") == ["rate", r"$\dot S_\mathrm{env}$", "of", "flow"]
