"""The explorer: one offline HTML file per phase diagram, made of the dataset alone.

It asks nothing of a network, and its Content-Security-Policy forbids it to. Drawing is a function of the state to SVG text.
"""

from __future__ import annotations

import base64
import glob
import hashlib
import html
import json
import uuid
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from nessmap.explorer.payload import deflated, observables, payload

if TYPE_CHECKING:
    import xarray as xr

# in the order in which they are read: each uses what stands before it
SCRIPTS = (
    "unpack.js",
    "scales.js",
    "colours.js",
    "contours.js",
    "map.js",
    "points.js",
    "cuts.js",
    "record.js",
    "files.js",
    "main.js",
)
MOST_POINTS = 200_000  # of a page that has all observables; above, each has a file of its own
# characters: Chromium opens no address of more than 2^21, and a report shows a page from an address that holds it
LONGEST_ADDRESS = 2_000_000
MARK = '<meta name="generator" content="nessmap explorer">'

# the program is packed as its numbers are: most of a small page would be script
START = """
(async () => {
  const packed = atob(document.getElementById("program").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const script = document.createElement("script");
  script.textContent = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
  document.body.append(script);
})();
"""


def page(dataset: xr.Dataset, command: str, elsewhere: Mapping[str, str] | None = None) -> str:
    """The page of a phase diagram as text; command recomputes a point when NAME=VALUE words follow it.

    elsewhere: the file beside it that has an observable, of each that this page leaves to another.

    Raises
    ------
    ValueError : the dataset is no phase diagram; the message names what it lacks.
    """
    lacking = [name for name in ("status", "leading_rate", "key") if name not in dataset]
    if lacking:
        raise ValueError(f"dataset has no {' and no '.join(lacking)}, expected a phase_diagram.zarr")
    folder = resources.files("nessmap.explorer")
    content = json.dumps(payload(dataset, command, elsewhere), separators=(",", ":"), allow_nan=False)
    script = '"use strict";\n' + "\n".join(
        _colour_tables(name) or folder.joinpath(name).read_text() for name in SCRIPTS
    )
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in (START, script))
    filled = {
        "MARK": MARK,
        "TITLE": html.escape(dataset.attrs.get("title") or dataset.attrs["sweep"]),
        "POLICY": f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {allowed}",
        "STYLE": folder.joinpath("page.css").read_text(),
        "DATA": content.replace("</", "<\\/"),
        "PROGRAM": deflated(script.encode()),
        "START": START,
    }
    text = folder.joinpath("page.html").read_text()
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    return text


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _colour_tables(name: str) -> str:
    """The one script that is made: the colours of the figures."""
    if name != "colours.js":
        return ""
    from nessmap.figures.colours import BATLOW, VIK

    tables = {"batlow": BATLOW.split(), "vik": VIK.split()}
    return f"const TABLES = {json.dumps(tables, separators=(',', ':'))};"


def write(dataset: xr.Dataset, command: str, path: Path, most_points: int = MOST_POINTS) -> list[Path]:
    """Write the page, and above so many points one for each observable beside it; what was written, the page itself last.

    The page has the first observable then, and its choice of observables leads to the others.
    """
    first, *others = observables(dataset) if dataset["status"].size > most_points else [""]
    files = {first: path} | {name: path.with_name(f"{path.stem}-{name}.html") for name in others}
    for name in (*others, first):
        elsewhere = {other: file.name for other, file in files.items() if other != name}
        _replace(files[name], page(dataset, command, elsewhere))
    return [files[name] for name in (*others, first)]


def left_over(path: Path, written: Sequence[Path]) -> list[Path]:
    """Pages of observables beside a page that were not written with it; no file that somebody else put there."""
    beside = set(path.parent.glob(f"{glob.escape(path.stem)}-*.html")) - set(written)
    return sorted(file for file in beside if MARK in file.read_text(errors="replace")[:1000])


def write_for_report(written: Sequence[Path], command: str, path: Path) -> None:
    """Write what a report shows: the page, or where that is too large, or several, a note that says where it is.

    Parameters
    ----------
    written : what `write` returns.
    command : opens the page.
    path : where to write it.
    """
    whole = written[-1]
    text, why = whole.read_text(), ""
    if len(written) > 1:
        why = f"is in {len(written)} files, one for each observable, and a report holds single pages"
    # in base64, with some letters before it
    elif 4 * len(text.encode()) / 3 + 1000 > LONGEST_ADDRESS:
        why = f"has {len(text.encode()) / 1e6:.1f} MB, more than a browser shows inside a report"
    if why:
        text = resources.files("nessmap.explorer").joinpath("note.html").read_text()
        for name, value in {"WHY": why, "FILE": whole.as_posix(), "COMMAND": command}.items():
            text = text.replace(f"@{name}@", html.escape(value))
    _replace(path, text)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
