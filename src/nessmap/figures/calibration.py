"""Are the standard errors right? The z-scores of a sweep against the law that they should follow."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from scipy import stats

from nessmap.figures import colours, style, zscores
from nessmap.figures.axis import Array
from nessmap.figures.selection import check_observables, observables
from nessmap.figures.zscores import approximate

CONFIDENCE = 0.999
LIMIT, STEP = 5.0, 0.5
LETTER_RIM = [withStroke(linewidth=2.6, foreground="white")]
CLEAR = 0.15  # share of the panel that keeps a letter clear of other curves and letters
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))


class Sample(NamedTuple):
    """The z-scores of one observable."""

    name: str
    title: str
    z: Array
    degrees_of_freedom: int = zscores.GROUPS - 1

    @property
    def reference(self) -> Any:
        """Student's t, which they should follow."""
        return stats.t(self.degrees_of_freedom)

    @property
    def p_value(self) -> float:
        """Of the Kolmogorov-Smirnov test against Student's t."""
        return float(stats.kstest(self.z, self.reference.cdf).pvalue)


def samples(dataset: xr.Dataset, variables: Sequence[str] | None = None) -> list[Sample]:
    """z-scores by observable, of complete runs and of estimates; extra dimensions are flattened.

    Only those against exact theory: the others measure an approximation, not the errors.

    Raises
    ------
    ValueError : an unknown observable, or one without z-scores or without exact theory.
    """
    known = observables(dataset)
    check_observables("calibration", variables or [], known)
    inexact, law = not_exact(dataset), zscores.law_of(dataset)
    found = []
    for name in known if variables is None else variables:
        if name in inexact:
            if variables is not None:
                why = "its theory is approximate, its z-scores measure that; leave it out, or draw: disagreement"
                raise ValueError(f"calibration: variables: {name}: {why}")
            continue
        if f"{name}_z" not in dataset:
            if variables is not None:
                raise ValueError(f"calibration: variables: {name} has no z-scores: no theory is known for it")
            continue
        z = dataset[f"{name}_z"]
        status = dataset.get("status", xr.DataArray(zscores.OK))
        flag = dataset.get(f"{name}_flag", xr.DataArray(zscores.ESTIMATE))
        flat = [np.asarray(part.values, dtype=float).ravel() for part in xr.broadcast(z, status, flag)]
        title = style.label({**dataset.get(name, z).attrs, "units": "1", "symbol": ""}, name)
        sample = Sample(name, title, zscores.usable(*flat), law.degrees_of_freedom)
        if len(sample.z) or variables is not None:
            found.append(sample)
    return found


def not_exact(dataset: xr.Dataset) -> list[str]:
    """Observables whose z-scores measure an approximation."""
    return [name for name in observables(dataset) if name in dataset and approximate(dataset[name].attrs)]


def draw(dataset: xr.Dataset, *, variables: Sequence[str] | None = None) -> Figure:
    """Histogram of z for each observable beside Student's t, and all distributions against it at once.

    The first panel shows sqrt(n) (F_n - F) against F, F_n the share of z-scores up to z and F that of Student's t:
    inside the band at all F at once with probability 99.9 % (Kolmogorov), whatever n. Each curve has its panel's letter.

    Parameters
    ----------
    variables : observables to show; where left out, all that have z-scores against exact theory. The figure counts the
        others.
    """
    with style.applied():
        found, inexact = samples(dataset, variables), [] if variables is not None else not_exact(dataset)
        said = f"left out: {len(inexact)} of approximate theory" if inexact else ""
        if not found:
            figure = style.figure(style.SINGLE, 1.5)
            axes = figure.subplots()
            axes.set(xticks=[], yticks=[])
            why = "no complete run of an observable with exact theory"
            style.say(axes, "\n".join(filter(None, ["no $z$-scores in this phase diagram:", why, said])))
            style.freeze(figure)
            return figure
        figure, common, panels = _sheet(len(found))
        _draw_common(common, found)
        for index, (axes, sample) in enumerate(zip(panels, found, strict=True)):
            _draw_histogram(axes, sample, index)
        for index, axes in enumerate([common, *panels]):
            style.letter(axes, index)
        _label_edges(panels)
        if said:
            figure.suptitle(said)
        style.legend(figure, _entries(zscores.law_of(dataset)))
        style.freeze(figure)
        return figure


def _sheet(count: int) -> tuple[Figure, Axes, list[Axes]]:
    """A large panel for all at once on the left, histograms in two columns beside it, then in rows of four below."""
    empty = {tall: 2 * tall - count if count <= 2 * tall else (2 * tall - count) % 4 for tall in (2, 3)}
    tall = min(empty, key=lambda rows: (empty[rows], rows))
    n_row = tall + max(0, -(-(count - 2 * tall) // 4))
    figure = style.figure(style.DOUBLE, 1.5 * n_row + 0.45)
    grid = figure.add_gridspec(n_row, 4)
    places: list[Any] = [grid[row, column] for row in range(n_row) for column in range(2 if row < tall else 0, 4)]
    if count <= 2:
        places = [grid[:2, 2:]] if count == 1 else [grid[0, 2:], grid[1, 2:]]
    return figure, figure.add_subplot(grid[:tall, :2]), [figure.add_subplot(place) for place in places[:count]]


def deviation(z: Array, degrees_of_freedom: int = zscores.GROUPS - 1) -> tuple[Array, Array]:
    """F and sqrt(n) (F_n - F) on both sides of each step; the largest modulus is sqrt(n) times the KS statistic."""
    expected, n = np.sort(stats.t(degrees_of_freedom).cdf(z)), len(z)
    steps = np.repeat(np.arange(n + 1) / n, 2)[1:-1]
    places = np.repeat(expected, 2)
    return np.concatenate([[0.0], places, [1.0]]), np.concatenate([[0.0], np.sqrt(n) * (steps - places), [0.0]])


def name_places(
    found: Sequence[Array], reach: float, degrees_of_freedom: int = zscores.GROUPS - 1
) -> list[tuple[int, float, float]]:
    """Where the letter of its panel stands on each curve of `deviation`: far from the other curves and their letters.

    (index, F, height) of every sample that has z-scores; distances are in shares of the panel, `reach` half its height.
    """
    at = np.linspace(0.06, 0.94, 89)
    curves = {
        index: np.interp(at, *deviation(z, degrees_of_freedom)) / (2 * reach) for index, z in enumerate(found) if len(z)
    }
    placed: list[tuple[int, float, float]] = []
    for index, own in curves.items():
        others = [np.abs(own - other) for key, other in curves.items() if key != index]
        clear = np.minimum.reduce([*others, np.full(len(at), CLEAR)])
        letters = [np.hypot(at - place, own - height / (2 * reach)) for _, place, height in placed]
        free = np.minimum.reduce([*letters, np.full(len(at), CLEAR)])
        best = int(np.argmax(2 * clear + free))
        placed.append((index, float(at[best]), float(2 * reach * own[best])))
    return placed


def look(index: int) -> dict[str, Any]:
    """Colour and dash of the observable with this index."""
    return {
        "color": colours.SERIES[index % len(colours.SERIES)],
        "linestyle": DASHES[index // len(colours.SERIES) % len(DASHES)],
    }


def _draw_common(axes: Axes, found: Sequence[Sample]) -> None:
    band = float(stats.kstwobign.ppf(CONFIDENCE))
    axes.axhspan(-band, band, color="0.92", linewidth=0, zorder=0.1, gid="band")
    axes.axhline(0, color="0.4", linewidth=0.6, zorder=0.2)
    reach = band
    for index, sample in enumerate(found):
        if len(sample.z):
            places, values = deviation(sample.z, sample.degrees_of_freedom)
            axes.plot(places, values, linewidth=0.9, gid=f"deviation of {sample.name}", **look(index))
            reach = max(reach, float(np.abs(values).max()))
    every, degrees_of_freedom = [sample.z for sample in found], found[0].degrees_of_freedom
    for index, place, height in name_places(every, reach, degrees_of_freedom) if len(found) > 1 else []:
        axes.text(
            place, height, chr(ord("b") + index), color=look(index)["color"], ha="center", va="center", weight="bold",
            fontsize=style.SMALL, zorder=4, gid="curve", path_effects=LETTER_RIM,
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(-1.15 * reach, 1.15 * reach))
    axes.set_xlabel(f"$F(z)$, Student's $t$({degrees_of_freedom})")
    axes.set_ylabel(r"$\sqrt{n}\,(F_n - F)$")
    axes.set_title("all observables: distribution minus expectation", loc="left")


def _draw_histogram(axes: Axes, sample: Sample, index: int) -> None:
    edges = np.arange(-LIMIT, LIMIT + STEP / 2, STEP)
    colour = look(index)["color"]
    fine = np.linspace(-LIMIT, LIMIT, 201)
    axes.plot(fine, sample.reference.pdf(fine), color="black", linewidth=0.9, zorder=3)
    axes.plot(fine, stats.norm.pdf(fine), color="0.3", linewidth=0.7, linestyle=(0, (2, 1.5)), zorder=2.9)
    top = 0.42
    if len(sample.z):
        counts, _ = np.histogram(np.clip(sample.z, -LIMIT + 1e-9, LIMIT - 1e-9), edges)
        density = counts / (len(sample.z) * STEP)
        axes.stairs(density, edges, fill=True, color=colour, alpha=0.35, linewidth=0)
        axes.stairs(density, edges, color=colour, linewidth=0.8, linestyle=look(index)["linestyle"])
        top = max(top, float(density.max()))
    axes.set(xlim=(-LIMIT, LIMIT), ylim=(0, 1.75 * top), xticks=[-4, -2, 0, 2, 4], yticks=[0, 0.2, 0.4])
    axes.set_title(style.wrapped(sample.title, 1.3, style.SMALL), loc="left")
    found = zscores.numbers(sample.z)
    if not found.n:
        style.say(axes, "no $z$-score")
        return
    p_value = sample.p_value
    shown = (
        f"{p_value:.2f}" if p_value >= 0.01 else f"{p_value:.0e}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")
    )
    doubtful = p_value < 1 - CONFIDENCE
    texts = (
        (0.04, "left", f"$n$ = {found.n}\nKS $p$ = {shown}"),
        (0.96, "right", f"$|z|<2$: {100 * found.share:.1f} %\nrms {found.rms:.2f}"),
    )
    for place, side, text in texts:
        emphasis: dict[str, Any] = {"color": colours.SERIES[1], "weight": "bold"} if doubtful and side == "left" else {}
        axes.text(
            place, 0.96, text, transform=axes.transAxes, ha=side, va="top", fontsize=6.0, linespacing=1.25, **emphasis
        )


def _label_edges(panels: Sequence[Axes]) -> None:
    """z below the lowest panel of each column, the density left of the first of each row."""
    for axes in panels:
        spec = axes.get_subplotspec()
        others = [other.get_subplotspec() for other in panels if other is not axes]
        if spec is None:
            continue
        below = any(
            other and other.colspan.start == spec.colspan.start and other.rowspan.start > spec.rowspan.start
            for other in others
        )
        before = any(
            other and other.rowspan.start == spec.rowspan.start and other.colspan.start < spec.colspan.start
            for other in others
        )
        axes.set_xlabel("" if below else "$z$")
        axes.tick_params(labelbottom=not below, labelleft=not before)
        axes.set_ylabel("" if before else "density")


def _entries(law: zscores.Law) -> list[tuple[Any, str]]:
    share = 100 * (stats.norm.cdf(2) - stats.norm.cdf(-2))
    student = f"Student's $t$({law.degrees_of_freedom}): {100 * law.share:.1f} % within 2, rms {law.rms:.2f}"
    return [
        (Line2D([], [], color="black", linewidth=0.9), student),
        (Line2D([], [], color="0.3", linewidth=0.7, linestyle=(0, (2, 1.5))), f"normal: {share:.1f} %, rms 1.00"),
        (Patch(facecolor="0.9", linewidth=0), f"{100 * CONFIDENCE:.1f} % band"),
    ]
