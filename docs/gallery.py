"""The gallery: a page for each shipped sweep, made of what its file says and of what its small form came out as.

`python docs/gallery.py` collects pictures and facts from results/*-small into docs/gallery; the pages are made of them when the
documentation is built.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

SWEEPS = Path(__file__).parent.parent / "workflow" / "sweeps"
KEPT = Path(__file__).parent / "gallery"
WIDEST = 960  # pixels of a kept picture


def explanation(file: Path) -> str:
    """The comment that opens a sweep file."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def collect(results: Path) -> None:
    """Keep of every sweep's small form its first figures, made small, and what its z-scores came out as."""
    import numpy as np
    import xarray as xr
    from PIL import Image

    for file in sorted(SWEEPS.glob("*.yaml")):
        folder = results / f"{file.stem}-small"
        figure = folder / "figures" / f"{next(iter(yaml.safe_load(file.read_text())['figures']))}.png"
        if not (folder / "phase_diagram.zarr").is_dir() or not figure.is_file():
            print(f"{file.stem}: no results or no {figure.name} in {folder}; make run", file=sys.stderr)
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
        with Image.open(figure) as picture:
            picture = picture.convert("RGB")
            picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
            picture.quantize(64).save(KEPT / f"{file.stem}.png", optimize=True)


def page(file: Path) -> str:
    """The page of a sweep."""
    name, settings = file.stem, yaml.safe_load(file.read_text())
    facts = json.loads((KEPT / f"{name}.json").read_text())
    figures = list(settings["figures"])
    lines = [f"# {settings['title']}", "", explanation(file), "", f"![{figures[0]}]({name}.png)", ""]
    lines += [
        f"*`{figures[0]}` of the small form, {facts['points']} points, {facts['core_seconds']} core-seconds.*",
        "",
    ]
    if (Path(__file__).parent / "sample" / f"{name}.html").exists():
        lines += [f'<p><a href="../{name}.html">Look around in it</a>: any observable over any axes, offline.</p>', ""]
        lines += [f'<iframe src="../{name}.html" title="explorer of {name}" width="100%" height="720"></iframe>', ""]
    lines += ["## How it was checked", ""]
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
        "## Run it",
        "",
        "```",
        f"snakemake --config small=true sweeps=workflow/sweeps/{name}.yaml    # the form that is shown",
        f"nessmap plan {name}                                                 # what the full form costs",
        f"snakemake --config sweeps=workflow/sweeps/{name}.yaml               # the full form",
        "```",
        "",
        "| figure | what is drawn |",
        "|---|---|",
    ]
    for figure, options in settings["figures"].items():
        of = options.get("variable") or ", ".join(options.get("variables", [])) or "all observables"
        axes = ", ".join(options[key] for key in ("x", "y", "facet", "series") if key in options)
        lines.append(f"| `{figure}` | {options['draw']} of {of}{' over ' + axes if axes else ''} |")
    return "\n".join([*lines, ""])


def write(folder: Path) -> None:
    """Write the pages of all sweeps that have been collected, and the index of them."""
    shown = [file for file in sorted(SWEEPS.glob("*.yaml")) if (KEPT / f"{file.stem}.json").exists()]
    folder.mkdir(exist_ok=True)
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


if __name__ == "__main__":
    collect(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
