"""A synthetic refined phase diagram: a ring of a known radius on three gains, and an edge of stability."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import xarray as xr

from figure_sweeps import OK, PROVENANCE, UNSTABLE, WORDS
from nessmap.config import RefineSettings
from nessmap.mesh import Mesh
from nessmap.refined_product import add_refinement
from nessmap.refinement import Found, further, grid

GAINS = (0.333333333333, 1.0, 2.0)  # the first as axes have a third
MESH = Mesh((3, 5, 4), (False, True, True), 3)
EDGE = 0.9  # of stability, along coupling
REFINE = RefineSettings.model_validate(
    {"levels": 3, "budget": 5000, "where": [{"sign": "flow"}, {"level": 0.3, "of": "flow"}, {"stability": True}]}
)


def lattice():
    """Values along gain, coupling and noise, the last from 0.1 to 10 in equal ratios."""
    noise = 10 ** np.linspace(-1, 1, MESH.places_along(2))
    coupling = np.linspace(0.0, 1.2, MESH.places_along(1))
    return [
        [{"gain": gain} for gain in GAINS],
        [{"coupling": float(value)} for value in coupling],
        [{"noise": float(value)} for value in noise],
    ]


def flow(gain: float, coupling: float, noise: float) -> float:
    """Negative inside a ring about (0.45, 1)."""
    return float(np.hypot(coupling - 0.45, 0.4 * np.log10(noise)) - 0.15 * (1 + gain) / 2)


@cache
def refined_points(refined: bool = True, error: float = 0.004) -> xr.Dataset:
    """The points that refinement chooses, with errors, and what the product of a refined sweep has beside them."""
    along = lattice()
    rng = np.random.default_rng(4)
    choice, known, drawn = grid(MESH), {}, {}
    while True:
        for place in choice.places:
            gain, coupling, noise = (next(iter(a[p].values())) for a, p in zip(along, place, strict=True))
            if place not in known:
                drawn[place] = (gain, coupling, noise, float(rng.standard_t(15)))
                stable = coupling < EDGE
                value = flow(gain, coupling, noise) + error * drawn[place][3] if stable else np.nan
                known[place] = Found(float(stable), {"flow": value}, {"flow": error if stable else np.nan})
        following = further(REFINE, MESH, choice, known)
        if not refined or following.places == choice.places:
            break
        choice = following
    places = sorted(choice.places)
    columns = np.array([drawn[place][:3] for place in places])
    theory = np.array([flow(*column) for column in columns])
    stable = columns[:, 1] < EDGE
    dataset = xr.Dataset(attrs=dict(PROVENANCE))
    facts = {"gain": "g", "coupling": "J", "noise": "D"}
    for k, (name, symbol) in enumerate(facts.items()):
        attrs = {"long_name": name, "symbol": symbol, "units": "1"}
        dataset = dataset.assign_coords({name: ("point", columns[:, k], attrs)})
    flags = {"flag_values": list(range(7)), "flag_meanings": WORDS}
    dataset["status"] = "point", np.where(stable, OK, UNSTABLE).astype(np.int8), flags
    dataset["leading_rate"] = "point", columns[:, 1] - EDGE
    dataset["flow"] = "point", np.array([known[place].value["flow"] for place in places])
    dataset["flow"].attrs = {
        "long_name": "information flow", "symbol": r"\dot I", "units": "nat / time", "signed": 1, "theory_kind": "exact",
    }  # fmt: skip
    dataset["flow_standard_error"] = "point", np.where(stable, error, np.nan)
    for part in ("_theory", "_expected"):
        dataset[f"flow{part}"] = "point", np.where(stable, theory, np.nan)
    dataset["flow_z"] = (dataset["flow"] - dataset["flow_expected"]) / dataset["flow_standard_error"]
    dataset["flow_flag"] = "point", np.where(stable, 0, 3).astype(np.int8)
    sweep = SimpleNamespace(
        mesh=MESH, settings=SimpleNamespace(refine=REFINE), lattice=along, places=places, doublings=[0] * len(places)
    )
    add_refinement(dataset, sweep)
    return dataset
