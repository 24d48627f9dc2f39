"""One point of a sweep, simulated here and now: its numbers, and whether the stored records are the same to the bit."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nessmap.choices import so_far
from nessmap.inspect_sweep import find_point, log_folder
from nessmap.model import Array
from nessmap.points import PointLog, worst
from nessmap.simulate import RESTART_STATE, Record, Status, group_means, simulate
from nessmap.sweep import Sweep


class Found(NamedTuple):
    """What a point gives for an observable, a number or many."""

    name: str
    units: str
    value: Array
    standard_error: Array
    theory: Array
    expected: Array

    @property
    def z(self) -> Array:
        """Standard errors between the value and what is expected of it; NaN where there is no error."""
        z: Array = np.full(self.value.shape, np.nan)
        np.divide(self.value - self.expected, self.standard_error, out=z, where=self.standard_error > 0)
        return z

    def in_words(self) -> str:
        """A line for people."""
        if self.value.ndim:
            scored = self.z[np.isfinite(self.z)]
            spread = f"rms z {np.sqrt(np.mean(scored**2)):.2f} of {scored.size}" if scored.size else "no z-score"
            ends = f"{np.min(self.value):.4g} to {np.max(self.value):.4g}"
            return f"{self.name:40} {self.value.size} values from {ends}, {spread}"
        return (
            f"{self.name:40} {self.value:12.6g} +- {self.standard_error:.2g}  theory {self.theory:.6g}  "
            f"expected {self.expected:.6g}  z {self.z:.2f}"
        )

    def for_programs(self) -> dict[str, Any]:
        """The same for JSON."""
        numbers = {
            "estimate": self.value, "standard_error": self.standard_error, "theory": self.theory,
            "expected": self.expected, "z": self.z,
        }  # fmt: skip
        return {**{name: _plain(number) for name, number in numbers.items()}, "units": self.units}


class Comparison(NamedTuple):
    """Records that were made against those that are stored."""

    lacking: int  # how many are not stored
    of: int
    different: list[str]  # statistics

    @property
    def equal(self) -> bool:
        """All are stored, to the bit."""
        return not self.lacking and not self.different

    def in_words(self, command: str) -> str:
        """A line for people; command: what makes the records that are lacking."""
        if self.lacking:
            return f"{self.lacking} of {self.of} records are not stored yet; compute them with: {command}"
        if self.different:
            return f"differs from the stored records in {', '.join(self.different)}"
        return "equal to the stored records, to the bit"


def show_point(sweep: Sweep, words: Sequence[str], results: Path, check: bool, as_json: bool) -> int:
    """Compute one point in this process and print its numbers; with check, compare its records with the stored ones."""
    from nessmap.evaluate import evaluate_points

    sweep = so_far(sweep, results)
    point = find_point(sweep, words)
    began = time.perf_counter()
    made = [simulate(unit) for unit in point.units]
    seconds = time.perf_counter() - began
    records = [record for unit in made for record in unit]
    sums = [
        {r.name.statistic: r.array for r in unit if r.array is not None and r.name.statistic != RESTART_STATE}
        for unit in made
    ]
    run = point.units[0].run
    status, message = worst((record.status, record.message) for record in records)
    means = group_means(point.units, sums) if status is Status.ok else None
    names = [observable.name for observable in sweep.observables]
    (values,) = evaluate_points(sweep.model, [point.parameters], run, names, [means])
    found = [_found(one.name, one.units, values) for one in sweep.observables] if means else []
    compared = _compared(records, sweep, results) if check else None
    if as_json:
        content = {
            "sweep": sweep.name,
            "point": {name: point.parameters[name] for d in sweep.dimensions for name in d.parameters},
            "key": point.key,
            "status": status.name,
            "message": message,
            "seconds": seconds,
            "leading_rate": _plain(values["leading_rate"]),
            "values": {one.name: one.for_programs() for one in found},
        }
        check_of = compared and {"equal": compared.equal, "lacking": compared.lacking, "different": compared.different}
        print(json.dumps(content if check_of is None else {**content, "check": check_of}, allow_nan=False))
    else:
        print(f"key {point.key}, status {status.name} {message}".rstrip())
        print(f"leading rate {values['leading_rate']:.6g}")
        for one in found:
            print(one.in_words())
        if compared:
            print(compared.in_words(sweep.command_line("simulate", results)))
    return 0 if compared is None or compared.equal else 1


def _found(name: str, units: str, values: Mapping[str, Array]) -> Found:
    parts = (np.asarray(values.get(name + part, np.nan)) for part in ("", "_standard_error", "_theory", "_expected"))
    return Found(name, units, *parts)


def _plain(number: Array | float) -> Any:
    """A number or nested lists of them, null where there is none: JSON knows neither NaN nor infinity."""
    numbers = np.asarray(number, dtype=float)
    plain = numbers.astype(object)
    plain[~np.isfinite(numbers)] = None
    return plain.tolist()


def _compared(records: Sequence[Record], sweep: Sweep, results: Path) -> Comparison:
    point_log = PointLog(log_folder(results))
    index = point_log.scan(sweep.model_class.name)
    entries = [index[record.name.key] for record in records if record.name.key in index]
    if len(entries) < len(records):
        return Comparison(len(records) - len(entries), len(records), [])
    arrays = {entry.name.key: array for entry, array in point_log.read(entries)}
    stored_status = {entry.name.key: entry.status for entry in entries}
    different = [
        record.name.statistic
        for record in records
        if record.status is not stored_status[record.name.key]
        or (record.array is not None and not _same_bits(record.array, arrays.get(record.name.key)))
    ]
    return Comparison(0, len(records), list(dict.fromkeys(different)))


def _same_bits(computed: Array, stored: Array | None) -> bool:
    return stored is not None and computed.shape == stored.shape and computed.tobytes() == stored.tobytes()
