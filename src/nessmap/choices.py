"""What was chosen of a refined sweep so far: kept beside its results after every round, and vouched for by its manifest.

The choice follows from the sweep file and from stored records, so that nothing is lost with the file: the next run makes it
anew. A choice of another file, of other records or of another lattice is none of the sweep's, and is not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nessmap import identity, object_store, refinement
from nessmap.refinement import Choice
from nessmap.sweep import Sweep

FILE = "refinement.json"


def described(sweep: Sweep, choice: Choice) -> dict[str, Any]:
    """A choice as JSON: of which sweep it is, its places with their doublings, and whether the budget kept something out."""
    places = [[*place, doublings] for place, doublings in sorted(choice.places.items())]
    return {"of": _identity(sweep), "places": places, "spent": choice.spent}


def keep(sweep: Sweep, results: Path, choice: Choice, done: bool) -> None:
    """Write the choice beside the sweep's results; done: nothing asks for more."""
    object_store.write_text(results / sweep.name / FILE, json.dumps({**described(sweep, choice), "done": done}))


def kept(sweep: Sweep, results: Path) -> dict[str, Any]:
    """What was kept of this very sweep; empty if nothing was."""
    path = results / sweep.name / FILE
    home = object_store.home_of(path)
    try:
        content = dict(json.loads((home.get(path) or b"{}") if home else path.read_text()))
    except (OSError, ValueError):
        return {}
    return content if content.get("of") == _identity(sweep) else {}


def choice_in(sweep: Sweep, content: Mapping[str, Any]) -> Choice | None:
    """The choice that a manifest, or what was kept, describes; None unless it is of this very sweep."""
    if content.get("of") != _identity(sweep):
        return None
    return Choice({tuple(place): doublings for *place, doublings in content["places"]}, content["spent"])


def so_far(sweep: Sweep, results: Path) -> Sweep:
    """A refined sweep with the points that were chosen so far, those of its grid at least; any other sweep as it is."""
    if sweep.mesh is None or sweep.places:
        return sweep
    choice = choice_in(sweep, kept(sweep, results)) or refinement.grid(sweep.mesh)
    return sweep.at_places(choice.places)


def _identity(sweep: Sweep) -> str:
    """Digest of all that a choice rests on besides code: what is asked, the lattice, the records of the grid."""
    mesh, refine = sweep.mesh, sweep.settings.refine
    if mesh is None or refine is None:
        raise ValueError(f"{sweep.source}: no refine")
    records = [key for point in sweep.at_places(refinement.grid(mesh).places).points for key in point.record_keys()]
    return identity.digest([refine.model_dump(), [list(along) for along in sweep.lattice], records])
