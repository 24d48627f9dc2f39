"""What the Snakefile asks: which sweeps there are and what their shards, products and figures depend on.

Imports neither numba nor xarray nor dask: it runs whenever Snakemake reads its rules. Plans are kept on disk by the digest
of the sweep file and of the package, so that nothing heavy is imported either when neither changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nessmap.executors import EXECUTORS
from nessmap.object_store import StoreError, results_folder

NESSMAP = f"{shlex.quote(sys.executable)} -m nessmap"
_KNOWN = ("executor", "results", "shards", "small", "sweeps")
_NOT_IN_PRODUCT = {"timeout", "max_failed_fraction", "keep_state"}  # settings of a run that change no number
_PHYSICS = ("theory", "models", "observables", "statistics", "model.py", "evaluate.py", "phase_diagram.py")
_CHOOSING = ("boundary.py", "mesh.py", "refinement.py", "refined_sweep.py", "refined_product.py")
_NAMES_A_FILE = re.compile(rb"[.]py\b|(?:transfer|tuning)\W+[\w.]+:\w")
# what the explorer's page is made by: its own folder, and what that imports
PAGE = ("explorer", "figures/colours.py", "figures/knots.py", "figures/zscores.py", "mesh.py")
_TRUE = {"true": True, "false": False}


class WorkflowConfigError(ValueError):
    """A mistake in Snakemake's --config or in a sweep file."""


Plans = dict[str, dict[str, Any]]  # by name of the sweep


def planned(config: Mapping[str, Any]) -> tuple[str, Plans, Plans]:
    """Folder of the results, of an address (s3://bucket/prefix) its copy; plans of what is asked for; of all there may be."""
    try:
        results = str(results_folder(str(config.get("results", "results")), Path("results")))
    except StoreError as error:
        raise WorkflowConfigError(f"--config {error}") from None
    chosen = plans(config, results)
    return results, chosen, chosen | plans({**config, "small": True}, results)


def plans(config: Mapping[str, Any], results: str) -> Plans:
    """Plan by sweep name, for the sweeps (names or files) in the config or all in workflow/sweeps."""
    for key in config:
        if key not in _KNOWN:
            raise WorkflowConfigError(f"--config {key} is not a setting; known: {', '.join(_KNOWN)}")
    small = _TRUE.get(str(config.get("small", False)).lower())
    if small is None:
        raise WorkflowConfigError(f"--config small={config['small']}, expected true or false")
    if config.get("executor", "auto") not in EXECUTORS:
        raise WorkflowConfigError(f"--config executor={config['executor']}, expected one of {', '.join(EXECUTORS)}")
    of = str(config.get("shards", "as estimated"))
    if "shards" in config and not (of.isdecimal() and int(of) > 0):
        raise WorkflowConfigError(f"--config shards={of}, expected a whole number >= 1: jobs of each sweep")
    n_shard = int(of) if "shards" in config else None
    folder = Path("workflow/sweeps")
    chosen = config.get("sweeps") or sorted(path.stem for path in folder.glob("*.yaml"))
    if not chosen:
        raise WorkflowConfigError(f"{folder}: no sweep files; a sweep is a file like {folder}/NAME.yaml")
    names = chosen.split(",") if isinstance(chosen, str) else list(chosen)
    files = [Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{name}.yaml" for name in names]
    made = [workflow_plan(file, small, Path(results) / ".plans", n_shard) for file in files]
    return {plan["name"]: plan for plan in made}


def constraints(known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What the wildcards of rules stand for: no rule makes what no sweep has, be it a shard or a figure."""
    forms = []
    for name, plan in known.items():
        shards, figures = "|".join(map(str, range(len(plan["shards"])))), "|".join(plan["figures"])
        forms.append(rf"{name}(?=/(?!shards/|figures/)|/shards/({shards})[.]|/figures/({figures})[.])")
    return {"sweep": "|".join(forms), "shard": "[0-9]+", "name": "[A-Za-z0-9_-]+"}


def targets(chosen: Mapping[str, Mapping[str, Any]], results: str) -> list[str]:
    """What `snakemake` makes of the plans when it is not told what to make: every product, page and figure."""
    products = [f"{results}/{name}/phase_diagram.zarr/zarr.json" for name in chosen]
    pages = [f"{results}/{name}/explorer.html" for name in chosen]
    return [
        *products,
        *pages,
        *(f"{results}/{n}/figures/{figure}.svg" for n, plan in chosen.items() for figure in plan["figures"]),
    ]


_SOURCES = (".py", ".js", ".html", ".css")


def source_digest(*places: str) -> str:
    """Digest of the package's own sources below the named folders or files, of all of them if none is named."""
    root = Path(__file__).parent
    wanted = [root / place for place in places] or [root]
    found = {file for place in wanted for file in ([place] if place.is_file() else place.rglob("*"))}
    files = sorted(file for file in found if file.suffix in _SOURCES)
    content = hashlib.blake2b(digest_size=8)
    for file in files:
        content.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return content.hexdigest()


def workflow_plan(path: Path, small: bool, cache: Path, n_shard: int | None = None) -> dict[str, Any]:
    """What Snakemake must know of a sweep: digests of what shards, products and figures depend on.

    n_shard: the number of its jobs, where it is not to follow from its cost.
    """
    text = path.read_bytes() if path.is_file() else b""  # Sweep says what is wrong with a file that is not there
    identity = hashlib.blake2b(
        b"\0".join([text, str((path, small, n_shard)).encode(), source_digest().encode()]), digest_size=16
    )
    kept = cache / f"{identity.hexdigest()}.json"
    if _NAMES_A_FILE.search(text):  # a program of the user's, which may have changed
        return _expanded(path, small, n_shard)
    try:
        return dict(json.loads(kept.read_text()))
    except (OSError, ValueError):
        plan = _expanded(path, small, n_shard)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(plan))
        partial.replace(kept)
    except OSError as error:
        raise WorkflowConfigError(f"{cache}: cannot be written ({error.strerror}); choose --config results=") from None
    return plan


def _expanded(path: Path, small: bool, n_shard: int | None) -> dict[str, Any]:
    # imported here: with a kept plan, reading the rules needs none of it
    from nessmap import shards
    from nessmap.config import ConfigError
    from nessmap.identity import digest
    from nessmap.sweep import Sweep

    try:
        sweep = Sweep(path, small)
        wanted = shards.digests(sweep, n_shard)
        workers = shards.worthwhile_workers(sweep, n_shard)
        if sweep.settings.refine:  # what chooses its points
            code = source_digest(*_CHOOSING, *_PHYSICS)
            wanted = [digest([wanted, sweep.settings.refine.model_dump(), code])]
    except ConfigError as error:
        raise WorkflowConfigError(str(error)) from None
    # the statistics' layout is part of the records' versions; what turns them into numbers is code, so code is in the digest
    cells = [[dimension.name, dimension.settings] for dimension in sweep.dimensions]
    points = digest([wanted, cells, source_digest("assembly.py")])
    shown = sweep.settings.model_dump(exclude={"figures": True, "small": True, "run": _NOT_IN_PRODUCT})
    product = digest([points, shown, source_digest(*_PHYSICS)])
    figures = {
        name: digest([settings.model_dump(), source_digest("figures")])
        for name, settings in sweep.settings.figures.items()
    }
    return {
        "name": sweep.name,
        "command": sweep.command,
        "path": str(path),
        "shards": wanted,
        "workers": workers,
        "points": points,
        "product": product,
        "figures": figures,
        "explorer": source_digest(*PAGE),
    }
