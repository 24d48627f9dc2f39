"""The explorer: one offline HTML file per phase diagram, made of the dataset alone.

It asks nothing of a network, and its Content-Security-Policy forbids it to. Drawing is a function of the state to SVG text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from nessmap.explorer.payload import deflated, payload

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


def page(dataset: xr.Dataset, command: str) -> str:
    """The page of a phase diagram as text; command recomputes a point when NAME=VALUE words follow it.

    Raises
    ------
    ValueError : the dataset is no phase diagram; the message names what it lacks.
    """
    lacking = [name for name in ("status", "leading_rate", "key") if name not in dataset]
    if lacking:
        raise ValueError(f"dataset has no {' and no '.join(lacking)}, expected a phase_diagram.zarr")
    folder = resources.files("nessmap.explorer")
    content = json.dumps(payload(dataset, command), separators=(",", ":"), allow_nan=False)
    script = '"use strict";\n' + "\n".join(
        _colour_tables(name) or folder.joinpath(name).read_text() for name in SCRIPTS
    )
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in (START, script))
    filled = {
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


def write(dataset: xr.Dataset, command: str, path: Path) -> int:
    """Write the page; its size in bytes."""
    text = page(dataset, command).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return len(text)
