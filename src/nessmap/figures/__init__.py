"""Figures of a phase diagram: each reads the dataset and nothing else, and gives a matplotlib Figure.

Adding a figure is one file with a function `draw(dataset, *, ...) -> Figure` and one line in FIGURES. Names may be
looked up without matplotlib: it is imported when something is drawn.
"""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

FIGURES = {
    "phase_diagram": "nessmap.figures.phase_diagram:draw",
    "cut": "nessmap.figures.cut:draw",
    "terms": "nessmap.figures.terms:draw",
    "disagreement": "nessmap.figures.disagreement:draw",
    "disagreement_map": "nessmap.figures.disagreement_map:draw",
    "refinement": "nessmap.figures.refinement:draw",
    "calibration": "nessmap.figures.calibration:draw",
    "collapse": "nessmap.figures.collapse:draw",
    "refined_map": "nessmap.figures.refined_map:draw",
    "edge_of_chaos": "nessmap.figures.edge_of_chaos:draw",
}
PROVENANCE = ("sweep", "title", "source", "seed", "root_seed", "kernel_version", "key", "content_digest", "Conventions")
FORMATS = {"svg": 600, "png": 300, "pdf": 600}  # dots per inch; in vector files, of the maps inside them


def draw(kind: str, dataset: "xr.Dataset", **options: Any) -> "Figure":
    """Draw one of FIGURES from a phase diagram.

    Raises
    ------
    ValueError : an unknown kind, option, observable or axis; the message names the nearest known one.
    """
    function = _function(kind)
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name != "dataset"]
    for name in options:
        if name not in known:
            raise ValueError(f"{kind}: {name} is no option of this figure{nearest(name, known)}")
    required = [name for name in known if parameters[name].default is inspect.Parameter.empty]
    for name in required:
        if name not in options:
            raise ValueError(f"{kind}: {name} is missing; this figure needs {', '.join(required)}")
    figure: Figure = function(dataset, **options)
    return figure


def save(
    figure: "Figure", stem: str | Path, metadata: Mapping[Any, Any], formats: tuple[str, ...] = ("svg", "png")
) -> list[Path]:
    """Write a figure as STEM.svg and STEM.png; the same figure gives the same bytes.

    Parameters
    ----------
    metadata : attributes of the dataset; seed, digest and kernel version go into the files, dates and hosts do not.
    """
    from nessmap.figures import style
    from nessmap.figures.compact import compact

    facts = {name: str(metadata[name]) for name in PROVENANCE if name in metadata}
    text = "; ".join(f"{name}: {value}" for name, value in facts.items())
    title, keywords = facts.get("title", "nessmap"), [f"{name}={value}" for name, value in facts.items()]
    written = {
        "svg": {"Title": title, "Description": text, "Keywords": keywords, "Creator": "nessmap", "Date": None},
        "png": {**facts, "Title": title, "Description": text, "Software": "nessmap"},
        "pdf": {"Title": title, "Subject": text, "Creator": "nessmap", "Producer": "matplotlib", "CreationDate": None},
    }
    Path(stem).parent.mkdir(parents=True, exist_ok=True)
    paths = []
    with style.applied():
        for name in formats:
            path = Path(f"{stem}.{name}")
            figure.savefig(path, dpi=FORMATS[name], metadata=written[name])
            if name == "svg":
                path.write_text(compact(path.read_text(encoding="utf-8")), encoding="utf-8")
            paths.append(path)
    return paths


def _function(kind: str) -> Any:
    if kind not in FIGURES:
        raise ValueError(f"{kind} is no figure{nearest(kind, list(FIGURES))}")
    module, name = FIGURES[kind].split(":")
    return getattr(importlib.import_module(module), name)


def nearest(name: str, known: Iterable[str]) -> str:
    """The tail of a message: the nearest known name, or all of them.

    >>> nearest("noise", ["coupling", "noise_correlation_length"])
    '; did you mean noise_correlation_length?'
    """
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6) or [other for other in names if name in other]
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(names) or 'none'}"
