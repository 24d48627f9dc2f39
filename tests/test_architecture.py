"""Imports run one way, every library has its room, and reading the workflow's plan stays light."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nessmap

PACKAGE = Path(nessmap.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 400  # lines; what is longer holds more than one idea

# A room is a module or subpackage directly below nessmap. Which other rooms it may import:
MAY_IMPORT = {
    "__init__": "",
    "kernels": "",
    "theory": "",
    "model": "",
    "allocation": "",  # what a scheduler lent
    "stopping": "",
    "memory": "",
    "executors": "allocation",  # they map any function
    "mesh": "",
    "figures": "mesh",  # they read the dataset and nothing else; the mesh says how its points make cells
    "explorer": "figures",  # whose colours it shares
    "identity": "model",
    "models": "kernels model theory",
    "statistics": "kernels model models theory",
    "observables": "model models statistics theory",
    "estimators": "statistics theory",
    "protocols": "kernels model models",
    "simulate": "identity model models protocols statistics",
    "config": "model",
    "refinement": "config mesh model protocols",
    "boundary": "mesh refinement",
    # figures: the names of drawings only, so that a misspelt figure is said before hours of simulation; they load nothing
    "drawings": "config figures model",
    "sweep": "config drawings identity memory mesh model models observables protocols refinement simulate statistics",
    "choices": "identity object_store refinement sweep",  # what was chosen so far
    "segment_index": "",
    "object_store": "",  # results whose home is one
    "points": "__init__ identity memory model object_store segment_index simulate",
    "failed_rules": "",  # read with Snakemake's rules
    "messages": "failed_rules points",
    "upkeep": "manifests object_store points segment_index simulate sweep",
    "shards": "identity protocols simulate statistics sweep",
    "inspect_log": "choices inspect_sweep points shard sweep upkeep",
    "sharing": "messages object_store points simulate",
    "shard": "executors identity memory messages model models points protocols sharing simulate statistics sweep",
    "manifests": "object_store points shard simulate sweep",
    "assembly": "choices model points simulate statistics sweep",
    "refined_sweep": "assembly choices config evaluate executors mesh refinement shard simulate sweep",
    "refined_product": "boundary config mesh model refinement simulate sweep",
    "evaluate": "executors messages model models observables statistics",
    "citation": "__init__ sweep",
    "trial": "evaluate model models observables protocols simulate statistics",
    "scaffold": "config models",
    "phase_diagram": "__init__ evaluate executors identity model models observables protocols refined_product simulate "
    "statistics sweep",
    "inspect_sweep": "choices config messages model points refinement shard shards simulate statistics sweep",
    "inspect_point": "choices evaluate inspect_sweep model points simulate sweep",
    "workflow": "config executors identity object_store shards sweep",
    "recordings": "config estimators",
    "estimate": "config estimators figures recordings",
    "commands": "scaffold citation __init__ allocation assembly config estimate executors explorer figures inspect_log "
    "inspect_point inspect_sweep manifests messages object_store phase_diagram refined_sweep shard shards stopping sweep",
    "examples": "",  # of what can be typed
    "command_line": "__init__ allocation commands examples executors object_store sweep",
    "__main__": "allocation assembly command_line commands config executors messages model object_store points shard "
    "stopping",
}

# In which rooms a library may be imported; numpy and the standard library may be everywhere, no other library anywhere else.
LIBRARIES = {
    "numba": "kernels",
    "llvmlite": "kernels",
    "scipy": "theory statistics figures estimators",  # figures: the distribution that z-scores are held against
    "zarr": "points assembly phase_diagram",
    "xarray": "assembly phase_diagram refined_product figures explorer estimate recordings",
    "dask": "executors",
    "dask_jobqueue": "executors",
    "distributed": "executors",
    "matplotlib": "figures",
    "contourpy": "figures",
    "pydantic": "config",
    "yaml": "config",
    "tqdm": "messages",
    "obstore": "object_store",
}


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(file: Path) -> set[str]:
    """Every module named in an import statement, at the top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            module = node.module or ""
            names |= {f"nessmap.{alias.name}" for alias in node.names} if module == "nessmap" else {module}
    return names


def rooms_imported(file: Path) -> set[str]:
    rooms = {name.split(".")[1] for name in imported(file) if name.startswith("nessmap.")} - {room_of(file)}
    return {room if (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").exists() else "__init__" for room in rooms}


def libraries_imported(file: Path) -> set[str]:
    names = {name.split(".")[0] for name in imported(file)}
    return names - set(sys.stdlib_module_names) - {"nessmap", "numpy"}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(file):
    room = room_of(file)
    assert room in MAY_IMPORT, f"{room} is new: add it to MAY_IMPORT with what it may import"
    assert rooms_imported(file) <= set(MAY_IMPORT[room].split())
    misplaced = {library for library in libraries_imported(file) if room not in LIBRARIES.get(library, "").split()}
    assert not misplaced, f"{room} may not import {', '.join(misplaced)}"


def test_no_room_is_imported_in_a_circle():
    TopologicalSorter({room: rooms.split() for room, rooms in MAY_IMPORT.items()}).prepare()


@pytest.mark.parametrize("file", [*MODULES, *sorted(Path(__file__).parent.glob("*.py"))], ids=lambda file: file.name)
def test_no_module_is_long(file):
    assert len(file.read_text().splitlines()) <= LONGEST


def test_no_module_is_a_drawer_for_everything():
    drawers = {"utils", "util", "helpers", "helper", "misc", "common", "tools", "manager", "handler"}
    assert not [file for file in MODULES if drawers & set(file.stem.split("_"))]


PLAN = """
import json, sys
from nessmap.workflow import plans
made = plans({}, "results")
print(json.dumps([list(made), sorted({name.split(".")[0] for name in sys.modules})]))
"""


def test_reading_the_plan_loads_nothing_heavy(sweep_file, tmp_path):
    (tmp_path / "workflow" / "sweeps").mkdir(parents=True)
    figures = {"a": {"draw": "cut", "variable": "site_variance", "x": "coupling"}}
    sweep_file(figures=figures).rename(tmp_path / "workflow" / "sweeps" / "tiny.yaml")
    heavy = {"numba", "llvmlite", "xarray", "dask", "distributed", "matplotlib", "zarr", "pandas"}
    for state, unwanted in (("cold", heavy), ("warm", heavy | {"pydantic", "scipy", "yaml", "numpy"})):
        ran = subprocess.run([sys.executable, "-c", PLAN], cwd=tmp_path, capture_output=True, text=True, check=True)
        names, loaded = json.loads(ran.stdout)
        assert names == ["tiny"]
        assert not unwanted & set(loaded), f"with a {state} cache of plans"
    assert len(list((tmp_path / "results" / ".plans").glob("*.json"))) == 1


def test_a_plan_is_made_anew_when_the_file_changes(sweep_file, tmp_path, monkeypatch):
    from nessmap.workflow import plans

    monkeypatch.chdir(tmp_path)
    Path("workflow/sweeps").mkdir(parents=True)
    sweep_file().rename("workflow/sweeps/tiny.yaml")
    first = plans({}, "results")["tiny"]
    assert plans({}, "results")["tiny"] == first
    sweep_file(title="Other words").rename("workflow/sweeps/tiny.yaml")
    titled = plans({}, "results")["tiny"]
    assert (titled["shards"], titled["points"]) == (first["shards"], first["points"])
    assert titled["product"] != first["product"]
    sweep_file(axes={"coupling": [0.1]}).rename("workflow/sweeps/tiny.yaml")
    assert plans({}, "results")["tiny"]["shards"] != first["shards"]
    assert plans({"small": True}, "results").keys() == {"tiny-small"}


def test_what_changes_no_number_makes_no_product_again(sweep_file, tmp_path, monkeypatch):
    from nessmap.workflow import plans

    monkeypatch.chdir(tmp_path)
    Path("workflow/sweeps").mkdir(parents=True)

    def plan(**sections):
        sweep_file(**sections).rename("workflow/sweeps/tiny.yaml")
        return plans({}, "results")["tiny"]

    first = plan()
    assert plan(run={"timeout": 60, "max_failed_fraction": 0.5}) == first
    stateless = plan(run={"keep_state": False})  # the records wanted are others
    assert stateless["points"] != first["points"]
    assert plan(run={"seed": 8})["product"] != first["product"]


def files_imported(file: Path) -> set[Path]:
    """The modules of the package that a file imports, names of a folder's modules included; of a folder alone, none."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nessmap"):
            named = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
        else:
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {PACKAGE.parent / f"{name.replace('.', '/')}.py" for name in named if name.startswith("nessmap.")}
    return {path for path in found if path.is_file()}


def test_what_the_explorer_is_made_of_makes_its_pages_again():
    from nessmap.workflow import PAGE

    digested = {PACKAGE / place for place in PAGE}
    assert all(place.exists() for place in digested)
    seen: set[Path] = set()
    waiting = set((PACKAGE / "explorer").glob("*.py"))
    while waiting:
        file = waiting.pop()
        seen.add(file)
        waiting |= files_imported(file) - seen
    assert {file.name for file in seen} >= {"knots.py", "mesh.py", "colours.py"}
    missing = [file for file in seen if not digested & {file, *file.parents}]
    assert not missing, f"workflow.PAGE lacks {missing}"


def test_no_rule_makes_what_no_sweep_has():
    from nessmap.workflow import constraints, targets

    known = {"a": {"shards": ["x", "y"], "figures": {"map": "z"}}, "a-small": {"shards": ["x"], "figures": {}}}
    held = {name: re.compile(rf"(?P<{name}>{pattern})") for name, pattern in constraints(known).items()}

    def made(path: str) -> bool:
        match = held["sweep"].match(path)
        return match is not None and path[match.end()] == "/"

    there = [
        "a/shards/0.json",
        "a/shards/1.json",
        "a-small/shards/0.json",
        "a/figures/map.svg",
        "a/points.zarr/zarr.json",
    ]
    absent = [
        "a/shards/2.json",
        "a-small/shards/1.json",
        "a-small/figures/map.svg",
        "a/figures/ma.svg",
        "b/shards/0.json",
    ]
    assert [path for path in (*there, *absent) if made(path)] == there
    assert targets({"a": known["a"]}, "results") == [
        "results/a/phase_diagram.zarr/zarr.json",
        "results/a/explorer.html",
        "results/a/figures/map.svg",
    ]
