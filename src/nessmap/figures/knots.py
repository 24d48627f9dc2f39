"""Values that the grid of a sweep has along a parameter, and whether they ask for a logarithmic axis."""

import json

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from nessmap.mesh import Mesh

Array = NDArray[np.float64]


def knots(dataset: xr.Dataset, name: str) -> Array:
    """The values of the grid along a coordinate of numbers.

    Of a list of points: each value once; of a refined one: the values from which cells were halved, for what was added
    between them says nothing of the spacing that was asked for.
    """
    values = np.asarray(dataset[name].values, float)
    if "refinement" in dataset.attrs and f"place_{name}" in dataset:
        facts = json.loads(dataset.attrs["refinement"])
        shape, halved = (dict(zip(facts["axes"], facts[key], strict=True))[name] for key in ("shape", "halved"))
        step = Mesh((shape,), (halved,), facts["levels"]).width(0) if halved else 1
        places = dataset[f"place_{name}"].values
        return np.array([values[places == i * step][0] for i in range(shape)])
    return values if dataset[name].dims == (name,) else np.unique(values)


def geometric(values: Array) -> bool:
    """Nearer to equal ratios than to equal steps, over almost a decade or more.

    >>> geometric(np.array([0.1, 1.0, 10.0])), geometric(np.array([0.5, 1.0, 2.0])), geometric(np.array([1.0, 5.0, 9.0]))
    (True, False, False)
    """
    if len(values) < 3 or values.min() <= 0 or values[-1] < 8 * values[0]:
        return False
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(np.std(ratios) / np.mean(ratios) < np.std(steps) / np.mean(steps))
