"""The gallery: a page for each shipped sweep, made of what its file says and of what its small form came out as.

`python docs/gallery.py` collects pictures and facts from results/*-small into docs/gallery; the pages are made of them, and of
the words in explanations.yaml, when the documentation is built. A sweep's explorer is on its page where there is one: of the
shipped sample, or of what was computed here.
"""

import json
import shutil
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

SWEEPS = Path(__file__).parent.parent / "workflow" / "sweeps"
KEPT = Path(__file__).parent / "gallery"
EXPLORERS = (Path(__file__).parent / "sample", Path(__file__).parent.parent / "results")
WIDEST = 960  # pixels of a sweep's first picture
OTHERS = 720  # of its others


@lru_cache
def explanations() -> dict[str, dict[str, str]]:
    """Of every sweep: what is seen, for a neuroscientist, and how it was checked, for a physicist."""
    return yaml.safe_load((KEPT / "explanations.yaml").read_text())


def explorer(name: str) -> Path | None:
    """The page to look around in of a sweep's small form, if there is one."""
    pages = [folder / f"{name}-small" / "explorer.html" for folder in EXPLORERS]
    return next((page for page in pages if page.exists()), None)


def opening(file: Path) -> str:
    """The comment that opens a sweep file."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def picture(name: str, figure: str, first: bool) -> Path:
    """Where a sweep's figure is kept."""
    return KEPT / (f"{name}.png" if first else f"{name}-{figure}.png")


def collect(results: Path) -> None:
    """Keep of every sweep's small form its first figures, made small, and what its z-scores came out as."""
    import numpy as np
    import xarray as xr
    from PIL import Image

    for file in sorted(SWEEPS.glob("*.yaml")):
        folder = results / f"{file.stem}-small"
        names = list(yaml.safe_load(file.read_text())["figures"])
        drawn = [folder / "figures" / f"{figure}.png" for figure in names]
        lacking = [path.name for path in drawn if not path.is_file()]
        if lacking or not (folder / "phase_diagram.zarr").is_dir():
            print(f"{file.stem}: no results or no {', '.join(lacking)} in {folder}; make run", file=sys.stderr)
            continue
        dataset = xr.open_zarr(folder / "phase_diagram.zarr").load()
        rows = []
        for name in (str(n) for n in dataset.data_vars if f"{n}_standard_error" in dataset):
            z = dataset[f"{name}_z"].values
            z = z[np.isfinite(z)]
            attributes = dataset[name].attrs
            kind = attributes.get("theory_kind", "") or "none"
            row: dict[str, Any] = {"name": name, "long_name": attributes["long_name"], "units": attributes["units"]}
            row |= {"kind": kind, "ways": attributes.get("theory_approximation", ""), "n": int(z.size)}
            if z.size:
                row |= {
                    "inside": round(float(np.mean(np.abs(z) < 2)), 3),
                    "rms": round(float(np.sqrt(np.mean(z**2))), 2),
                }
            rows.append(row)
        facts = {
            "points": int(dataset["status"].size),
            "core_seconds": round(float(dataset["wall_time"].sum())),
            "observables": rows,
        }
        KEPT.mkdir(exist_ok=True)
        (KEPT / f"{file.stem}.json").write_text(json.dumps(facts, indent=1) + "\n")
        for k, (figure, path) in enumerate(zip(names, drawn, strict=True)):
            with Image.open(path) as opened:
                small = opened.convert("RGB")
                widest = WIDEST if k == 0 else OTHERS
                small.thumbnail((widest, widest), Image.Resampling.LANCZOS)
                small.quantize(64).save(picture(file.stem, figure, k == 0), optimize=True)


def page(file: Path) -> str:
    """The page of a sweep."""
    name, settings = file.stem, yaml.safe_load(file.read_text())
    facts = json.loads((KEPT / f"{name}.json").read_text())
    said = explanations()[name]
    figures = list(settings["figures"])
    lines = [f"# {settings['title']}", "", opening(file), "", f"![{figures[0]}]({name}.png)", ""]
    lines += [
        f"*`{figures[0]}` of the small form, {facts['points']} points, {facts['core_seconds']} core-seconds.*",
        "",
        "## What is seen",
        "",
        said["seen"],
        "",
    ]
    if explorer(name):
        lines += [
            f'<p><a href="../{name}-small/explorer.html">Look around in it</a>: any observable over any axes.</p>',
            "",
        ]
        frame = (
            f'src="../{name}-small/explorer.html" title="explorer of {name}" width="100%" height="720" loading="lazy"'
        )
        lines += [f"<iframe {frame}></iframe>", ""]
    lines += ["## How it was checked", "", said["checked"], ""]
    lines += [
        "| observable | unit | theory | cells compared | share with \\|z\\| < 2 | rms z |",
        "|---|---|---|---|---|---|",
    ]
    for row in facts["observables"]:
        theory = f"{row['kind']}: {row['ways'].split(';')[0]}" if row["ways"] else row["kind"]
        compared = f"{row['n']} | {100 * row['inside']:.0f} % | {row['rms']}" if row["n"] else "0 | |"
        lines.append(f"| {row['long_name']} (`{row['name']}`) | {row['units']} | {theory} | {compared} |")
    lines += [
        "",
        "Where theory is exact, z follows Student's t with 15 degrees of freedom: 94 % of cells have |z| < 2, the rms is 1.07.",
        "Where it is approximate, z measures the approximation against the error bar, and no agreement is claimed.",
        "",
        "## All figures",
        "",
    ]
    for k, (figure, options) in enumerate(settings["figures"].items()):
        of = options.get("variable") or ", ".join(options.get("variables", [])) or "all observables"
        axes = ", ".join(options[key] for key in ("x", "y", "facet", "series") if key in options)
        where = "above" if k == 0 else "below"
        lines += [f"`{figure}` ({where}): {options['draw']} of {of}{' over ' + axes if axes else ''}.", ""]
        if k and picture(name, figure, False).exists():
            lines += [f"![{figure}]({picture(name, figure, False).name})", ""]
    return "\n".join([*lines, *commands(name)])


def commands(name: str) -> list[str]:
    """How to make it: the section that closes a sweep's page."""
    return [
        "## Run it",
        "",
        "```sh",
        f"nessmap plan {name}    # what the full form costs",
        f"snakemake --config small=true sweeps=workflow/sweeps/{name}.yaml    # this form, as `make run` makes it",
        f"snakemake --config sweeps=workflow/sweeps/{name}.yaml    # in full: hours",
        "```",
        "",
    ]


def write(folder: Path) -> None:
    """Write the pages of all sweeps that have been collected, and the index of them."""
    shown = [file for file in sorted(SWEEPS.glob("*.yaml")) if (KEPT / f"{file.stem}.json").exists()]
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    lines = [
        "# Gallery",
        "",
        "One phase diagram for one question; each page says what is seen and how it was checked.",
        "",
    ]
    for file in shown:
        title = yaml.safe_load(file.read_text())["title"]
        (folder / f"{file.stem}.md").write_text(page(file))
        lines += [f"- [{title}]({file.stem}.md)"]
    lines += ["", "```{toctree}", ":hidden:", *(file.stem for file in shown), "```", ""]
    (folder / "index.md").write_text("\n".join(lines))


def copy_explorers(built: Path) -> None:
    """Put the explorers beside the built pages, where these look for them."""
    for page_of in sorted(SWEEPS.glob("*.yaml")):
        found = explorer(page_of.stem)
        if found:
            (built / f"{page_of.stem}-small").mkdir(exist_ok=True)
            shutil.copy(found, built / f"{page_of.stem}-small" / "explorer.html")


if __name__ == "__main__":
    collect(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
