"""The contract between a model and everything else: physics in, predictions out.

A model is a frozen dataclass whose fields are its parameters, each declared once with default, unit and domain. The law of
motion is dx = f(x, t) dt + sqrt(2 D) dW with k_B = 1; all rates are per unit of the model's time.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Matrix = tuple[tuple[float, ...], ...]
N_TIME = 51  # times that a relaxation keeps, start and end among them, whatever its length
SIGNIFICANT_DIGITS = 12  # floats are rounded once, so that grids of different length share points
ROUNDED_RATE = 1e-12  # [1/time]; the leading rate of a critical point is zero up to the rounding of eigenvalues


class ParameterError(ValueError):
    """A parameter's value is outside its domain; the message names object, value, expectation and remedy."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parameter, str(self))  # workers send it home; the default would lose the parameter


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What is declared about one parameter of a model."""

    name: str
    default: Any
    units: str
    long_name: str
    symbol: str
    minimum: float | None
    above: float | None
    choices: tuple[str, ...] | None
    shapes_path: bool
    used_with: tuple[str, tuple[str, ...]] | None

    @property
    def expectation(self) -> str:
        """The domain in words, with the unit."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        kind = _KINDS[type(self.default)][1]
        bound = (
            f" >= {self.minimum:g}"
            if self.minimum is not None
            else f" > {self.above:g}"
            if self.above is not None
            else ""
        )
        return f"{kind}{bound}" + (f" [{self.units}]" if self.units != "1" else "")

    def coerce(self, value: Any) -> Any:
        """The value in canonical form (a float rounded to 12 digits, a matrix as tuples); ParameterError if impossible."""
        if self.choices is not None and value not in self.choices:
            raise self.error(value)
        try:
            canonical = _KINDS[type(self.default)][0](value)
        except (TypeError, ValueError, OverflowError):
            raise self.error(value) from None
        if isinstance(canonical, int | float):
            too_low = self.minimum is not None and canonical < self.minimum
            if too_low or (self.above is not None and canonical <= self.above):
                raise self.error(value)
        return canonical

    def error(self, value: Any) -> ParameterError:
        found = as_written(value)
        return ParameterError(self.name, f"{self.name} = {found}, expected {self.expectation} ({self.long_name})")


def parameter(
    default: Any,
    long_name: str,
    *,
    units: str = "1",
    symbol: str = "",
    minimum: float | None = None,
    above: float | None = None,
    choices: Sequence[str] | None = None,
    shapes_path: bool = True,
    used_with: tuple[str, Sequence[str]] | None = None,
) -> Any:
    """Declare a model's parameter.

    minimum is inclusive, above exclusive; shapes_path = False for what is only observed; used_with = (other parameter,
    its choices) for what means nothing otherwise: setting it then is an error, not a silence.
    """
    facts: dict[str, Any] = {
        "units": units,
        "long_name": long_name,
        "symbol": symbol,
        "minimum": minimum,
        "above": above,
    }
    facts |= {"choices": tuple(choices) if choices else None, "shapes_path": shapes_path}
    facts["used_with"] = (used_with[0], tuple(used_with[1])) if used_with else None
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=facts)
    return dataclasses.field(default=default, metadata=facts)


def round_significant(value: float) -> float:
    """The value rounded to 12 significant digits, the precision of a point's identity.

    >>> round_significant(0.1 + 0.2)
    0.3
    """
    return float(f"{value:.{SIGNIFICANT_DIGITS - 1}e}") + 0.0  # + 0.0 turns -0.0 into 0.0


def as_written(value: Any) -> str:
    """A value as it stands in a sweep file, shortened where it is long.

    >>> as_written(True), as_written(None), as_written("8"), as_written(8.0)
    ('true', 'nothing', "'8'", '8.0')
    """
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]} ... {text[-5:]}"


def _as_float(value: Any) -> float:
    if isinstance(value, bool | str):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError
    return round_significant(float(value))


def _as_int(value: Any) -> int:
    if isinstance(value, bool | str) or int(value) != value:
        raise TypeError
    return int(value)


def _as_str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _as_matrix(value: Any) -> Matrix:
    rows = tuple(tuple(_as_float(entry) for entry in row) for row in value)
    if len({len(row) for row in rows}) > 1:
        raise ValueError
    return rows


def _as_partition(value: Any) -> dict[str, tuple[int, ...]]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {_as_str(name): tuple(_as_int(i) for i in members) for name, members in value.items()}


_KINDS: dict[type, tuple[Callable[[Any], Any], str]] = {
    float: (_as_float, "a finite number"),
    int: (_as_int, "a whole number"),
    str: (_as_str, "a name"),
    tuple: (_as_matrix, "a matrix (list of rows of equal length)"),
    dict: (_as_partition, "two named lists of indices, such as {particle: [0], neurons: [1, 2]}"),
}


class Prediction(NamedTuple):
    """What theory says an observable is; kind is exact, approximate or lower_bound."""

    value: Any
    kind: str
    source: str


class Stability(NamedTuple):
    """Leading rate [1/time] (largest real part of the linearised drift; negative = stable), its kind and wavenumber."""

    leading_rate: float
    kind: str
    wavenumber: float


class Stepper(NamedTuple):
    """How a kernel advances a model: advance(x, *coefficients, key, lane, step) fills x[1:] from x[0].

    Where `scalars` names sums over coordinates that the kernel has at hand, it is advance(x, scalars, *coefficients, ...)
    and fills scalars (n_step, n_scalar, n_lane) too.
    """

    advance: Callable[..., None]
    coefficients: tuple[Any, ...]
    scalars: tuple[str, ...] = ()


class Start(NamedTuple):
    """Where a relaxation begins: independent normal coordinates of one variance [x^2] about mean + wave cos(2 pi j / n)."""

    variance: float = 1.0
    mean: float = 0.0
    wave: float = 0.0


class Run(NamedTuple):
    """How a point is run, as far as statistics and observables depend on it."""

    dt: float
    n_step: int = 0
    n_replica: int = 0  # lanes of a point, over all realisations of its disorder
    start: Start = Start()
    n_disorder: int = 0  # realisations of the disorder; 0 where there is none

    @property
    def stride(self) -> int:
        """Steps between the times that a relaxation keeps."""
        return self.n_step // (N_TIME - 1)

    @property
    def times(self) -> Array:
        """The times that a relaxation keeps; the first is 0."""
        return np.arange(N_TIME) * (self.stride * self.dt)


class Block(NamedTuple):
    """A piece of trajectory on its way to the statistics: x (n_step + 1, n_dim, n_lane), lanes innermost; step of x[0].

    scalars {name: (n_step, n_lane)}: what the kernel summed over coordinates at each step.
    """

    step: int
    run: Run
    x: Array
    scalars: Mapping[str, Array] = {}


_NONE = object()


@lru_cache(maxsize=1 << 14)
def _coerced_number(model: type[Model], name: str, value: float) -> Any:
    return model.parameters()[name].coerce(value)


class Model(ABC):
    """Physics only. Subclasses are final frozen dataclasses; `kernel_file` holds the inner loop, `integrator` its scheme."""

    name: ClassVar[str]
    version: ClassVar[int]  # bump it when the same parameters come to mean other coefficients
    kernel_file: ClassVar[str]
    integrator: ClassVar[str]
    code: ClassVar[str] = ""  # digest of a user's file, which has no version that somebody bumps
    papers: ClassVar[tuple[str, ...]] = ()  # where the model comes from
    disordered: ClassVar[bool] = False  # is part of it drawn at random, once for each realisation?
    confined: ClassVar[bool] = False  # has it a stationary state where its fixed point is not stable, too?

    def __post_init__(self) -> None:
        given = [name for name, default in self._canonical_defaults().items() if getattr(self, name) is not default]
        for name in given:
            try:
                object.__setattr__(self, name, self._coerced(name, getattr(self, name)))
            except ParameterError as error:
                raise ParameterError(name, f"{self.name}: {error}") from None
        for name in filter(self._uses().__contains__, given):
            default, other, choices = self._uses()[name]
            if getattr(self, name) != default and getattr(self, other) not in choices:
                expected = f"nothing: {other} = {getattr(self, other)} does not use it"
                raise self.error(name, expected, f"leave it out, or choose {other}: {' or '.join(choices)}")
        self.check()

    @classmethod
    def _coerced(cls, name: str, value: Any) -> Any:
        # numbers are remembered: from point to point of a sweep most of them are the same
        return _coerced_number(cls, name, value) if type(value) is float else cls.parameters()[name].coerce(value)

    @classmethod
    @cache
    def _uses(cls) -> Mapping[str, tuple[Any, str, tuple[str, ...]]]:
        """Parameters that mean something only with choices of another one: default, the other, its choices."""
        declared = cls.parameters().values()
        return {one.name: (one.default, *one.used_with) for one in declared if one.used_with}

    @property
    def work_per_coordinate(self) -> float:
        """Cost of advancing a coordinate by a step, statistics included, relative to a mode of the ring field."""
        return 1.0

    @classmethod
    @cache  # asked for at every point of a sweep
    def parameters(cls) -> Mapping[str, Parameter]:
        """Every declared parameter by name, in order of declaration."""
        return {
            field.name: Parameter(
                field.name,
                field.default_factory() if callable(field.default_factory) else field.default,
                **field.metadata,
            )
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]  # every subclass is a dataclass
        }

    @classmethod
    @cache
    def _canonical_defaults(cls) -> Mapping[str, Any]:
        """Defaults that need no check, and a value that none is for the others: at most points most parameters have them."""

        def is_canonical(declared: Parameter) -> bool:
            try:
                found = declared.coerce(declared.default)
            except ParameterError:
                return False
            return type(found) is type(declared.default) and bool(found == declared.default)

        return {name: p.default if is_canonical(p) else _NONE for name, p in cls.parameters().items()}

    def path_parameters(self) -> dict[str, Any]:
        """The parameters that shape a trajectory, in canonical form: the model's part of a point's identity."""
        return {name: getattr(self, name) for name, declared in self.parameters().items() if declared.shapes_path}

    def error(self, name: str, expected: str, remedy: str) -> ParameterError:
        """The error for a parameter that is in its own domain but at odds with another one."""
        return ParameterError(name, f"{self.name}: {name} = {getattr(self, name)!r}, expected {expected}; {remedy}")

    def check(self) -> None:
        """Raise ParameterError where parameters do not fit each other."""

    def realisation(self, index: int, seed: int) -> Model:
        """The model with its disorder drawn: the same draw for any other parameters, size aside."""
        return self

    @property
    @abstractmethod
    def n_dim(self) -> int:
        """Number of real coordinates."""

    @property
    def parity(self) -> Array:
        """+1 for coordinates even under time reversal, -1 for odd ones."""
        return np.ones(self.n_dim)

    @property
    @abstractmethod
    def partition(self) -> Mapping[str, Sequence[int]]:
        """Who informs whom: two named sets of indices."""

    @abstractmethod
    def drift(self, x: Array, t: float) -> Array:
        """f(x, t) for x of shape (n_dim, ...) [x / time]."""

    @abstractmethod
    def diffusion(self, x: Array, t: float) -> Array:
        """D [x^2 / time], (n_dim, n_dim)."""

    def probe(self) -> None:
        """Raise ValueError where the model's own code does what no simulation could follow; asked before a run."""

    def stepper(self, dt: float) -> Stepper:
        """How a kernel advances the model by steps dt."""
        raise TypeError(f"{self.name} has no stepper")

    def tangent_stepper(self, dt: float) -> Stepper:
        """How a kernel advances x and a small deviation below it, (2 n_dim, n_lane), with "growth" among its scalars."""
        raise TypeError(f"{self.name} has no tangent dynamics: no run of kind tangent")

    def stationary_sample(self, normals: Array) -> Array:
        """Where stationary runs start, given standard normals (n_dim, n_lane): the stationary law, or near it and a burn_in."""
        raise TypeError(f"{self.name} has no start")

    def transient_start(self, normals: Array, start: Start) -> Array:
        """Where relaxations start, given standard normals (n_dim, n_lane) and the run's start; a model may have its own."""
        raise TypeError(f"{self.name}: run.kind = transient needs a linear model, or one with a transient_start")

    @property
    def burn_in(self) -> float:
        """How long a stationary run goes on before it counts [time]; 0 where it starts from the stationary law itself."""
        return 0.0

    @abstractmethod
    def stability(self) -> Stability:
        """Leading rate and kind; a point whose leading rate is not negative has no stationary state, unless it is confined."""

    def is_stationary(self, stability: Stability) -> bool:
        """Whether there is a stationary state."""
        return stability.leading_rate < -ROUNDED_RATE or (self.confined and not math.isnan(stability.leading_rate))

    @abstractmethod
    def theory(self, wanted: Collection[str] | None = None) -> dict[str, Prediction]:
        """Continuum-time predictions by observable name, of all or of those wanted. Raises nothing for a stable model."""
