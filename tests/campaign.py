"""A failure campaign: Snakemake, drivers and workers of a sweep killed at random until enough of them are dead.

    python tests/campaign.py --kills 200 --seed 1

Nothing may be lost, nothing computed twice but batches in flight, and the product must equal that of an undisturbed run. Prints
one line of JSON; ends with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil
import yaml

from conftest import copied_workflow, simulated, stored_segments, tiny_settings
from nessmap.assembly import assemble, open_store
from nessmap.executors import WINDOW_PER_WORKER, serial
from nessmap.phase_diagram import aggregate
from nessmap.points import PointLog
from nessmap.sweep import Sweep
from processes import kill_family, start_snakemake

N_WORKER = 2


class Result(NamedTuple):
    """What a campaign found."""

    kills: dict[str, int]  # by what was killed
    runs: int
    segments: int
    segments_lost: int  # that were there after a kill and not at the end
    batches_twice: int  # records stored in two segments
    equal: bool  # to an undisturbed run


def kind_of(process: psutil.Process) -> str:
    """snakemake, driver (which holds scheduler and nannies) or worker; '' for what is none of them."""
    try:
        words = " ".join(process.cmdline())
    except psutil.Error:
        return ""
    if "spawn_main" in words:
        return "worker"
    if "nessmap simulate" in words and "bash" not in words.split()[0]:
        return "driver"
    return "snakemake" if "snakemake" in words and "bash" not in words.split()[0] else ""


def campaign(folder: Path, n_kill: int, seed: int, n_point: int, duration: float, interval: float = 8.0) -> Result:
    """Run a sweep in a folder and kill its processes at random moments, at most interval [s] apart, until n_kill are dead;
    then let it finish."""
    chance = random.Random(seed)
    axes = {"coupling": {"linspace": [0.05, 0.95, n_point]}, "shift": [0.5]}
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_settings(axes=axes, run={"duration": duration})))
    undisturbed = truth(path, folder / "undisturbed")
    where = copied_workflow(folder, path)
    kills: Counter[str] = Counter()
    seen: set[Path] = set()
    runs = 0
    while sum(kills.values()) < n_kill:
        leader, runs = start_snakemake(where, ("--cores", str(N_WORKER))), runs + 1
        try:
            while sum(kills.values()) < n_kill and leader.poll() is None:
                time.sleep(chance.uniform(0.2, interval))
                kind = kill_one(leader.pid, chance)
                if kind:
                    kills[kind] += 1
                seen |= stored_segments(where / "results").keys()
        finally:
            kill_family(leader)
        if leader.returncode == 0:  # it finished in spite of all
            break
    last, runs = start_snakemake(where, ("--cores", str(N_WORKER))), runs + 1
    code = last.wait(3600)
    kill_family(last)
    product = where / "results" / "tiny" / "phase_diagram.zarr"
    digest = open_store(product).attrs["content_digest"] if code == 0 else (where / "said.txt").read_text()
    log = PointLog(where / "results" / "points")
    (model,) = log.models()
    segments = log.segments(model)
    twice = sum(count - 1 for count in Counter(entry.name.key for entry in log.entries(segments)).values())
    return Result(dict(kills), runs, len(segments), len(seen - set(segments)), twice, digest == undisturbed)


def kill_one(leader: int, chance: random.Random) -> str:
    """SIGKILL for a process of the family; what it was, '' if there was none."""
    try:
        family = [psutil.Process(leader), *psutil.Process(leader).children(recursive=True)]
    except psutil.NoSuchProcess:
        return ""
    candidates = [(kind, process) for process in family if (kind := kind_of(process))]
    kinds = sorted({kind for kind, _ in candidates})
    if not kinds:
        return ""
    # workers most often: that is what a cluster loses
    kind = chance.choices(kinds, [4.0 if kind == "worker" else 1.0 for kind in kinds])[0]
    chosen = chance.choice([process for own, process in candidates if own == kind])
    try:
        chosen.kill()
    except psutil.NoSuchProcess:
        return ""
    return kind


def truth(path: Path, results: Path) -> str:
    """Digest of an undisturbed run in this process."""
    sweep = Sweep(path)
    with serial(1) as run:
        simulated(sweep, results, run)
        return str(aggregate(sweep, assemble(sweep, results / "points", []), run).attrs["content_digest"])


def broken_promises(result: Result, records_per_point: int, n_kill: int) -> list[str]:
    """What a campaign must not have found."""
    in_flight = WINDOW_PER_WORKER * N_WORKER * records_per_point
    found = []
    if result.segments_lost:
        found.append(f"{result.segments_lost} stored segments are gone")
    if result.batches_twice > in_flight * result.runs:
        found.append(f"{result.batches_twice} records were computed twice, more than were in flight")
    if (n_dead := sum(result.kills.values())) < n_kill:
        found.append(f"the work was done after {n_dead} kills; give it more points")
    if not result.equal:
        found.append("the product differs from that of an undisturbed run")
    return found


def main() -> int:
    """Run a campaign and say what it found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--points", type=int, default=400)
    options.add_argument(
        "--duration", type=float, default=25000.0, help="of each point: more than two estimated seconds"
    )
    options.add_argument("--interval", type=float, default=8.0, help="seconds between kills, at most")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = campaign(Path(folder), chosen.kills, chosen.seed, chosen.points, chosen.duration, chosen.interval)
    problems = broken_promises(result, 3, chosen.kills)
    print(json.dumps({**result._asdict(), "problems": problems}))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
