"""A failure campaign: Snakemake, drivers and workers of a sweep killed at random until enough of them are dead.

    python tests/campaign.py --kills 200 --seed 1

Drivers are also ended in order (SIGTERM), a second one works on the same log at times, and stored segments are cut short or
lose a bit between runs. Nothing else may be lost. Nothing may be computed twice but batches in flight, whichever driver's. The
product must equal that of an undisturbed run. Prints one line of JSON; ends with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
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
N_OF_SECOND = 1  # workers of a second driver
WORDS = ("--cores", str(N_WORKER), "--set-threads", f"simulate={N_WORKER}", "--config", "executor=local")


class Result(NamedTuple):
    """What a campaign found."""

    kills: dict[str, int]  # by what was killed
    runs: int
    second_drivers: int
    damaged: int  # segments, by us
    segments: int
    segments_lost: int  # that were there after a kill, were not damaged, and are not there at the end
    records_twice: int  # that lie in two segments
    segments_twice: int  # that were written again while they were there: two drivers' batches of the same units
    equal: bool  # to an undisturbed run


class Watch:
    """Looks at the segments of a log all the time: which there were, and how often one was written again."""

    def __init__(self, results: Path) -> None:
        self._folder = results / "points"
        self._stamps: dict[Path, tuple[int, int]] = {}
        self.seen: set[Path] = set()
        self.spoilt: set[Path] = set()  # by us: they are set aside, and have to be written again
        self.n_again = 0

    def look(self) -> None:
        for path in set(self._folder.glob("*/*/*.zarr.zip")) - self.spoilt:
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                stamp = (status.st_ino, status.st_mtime_ns)
                self.n_again += self._stamps.setdefault(path, stamp) != stamp
                self._stamps[path] = stamp
                self.seen.add(path)

    def wait(self, process: subprocess.Popen[str], seconds: float) -> None:
        """Watch until the process ends, or for some time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and process.poll() is None:
            self.look()
            time.sleep(0.2)


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
    log = where / "results"
    kills: Counter[str] = Counter()
    watch = Watch(log)
    runs = n_second = 0
    while sum(kills.values()) < n_kill:
        leader, runs = start_snakemake(where, WORDS), runs + 1
        leaders = [leader]
        try:
            while sum(kills.values()) < n_kill and leader.poll() is None:
                watch.wait(leader, chance.uniform(0.2, interval))
                if len(leaders) == 1 and chance.random() < 0.05:
                    leaders.append(second_driver(where))
                    n_second += 1
                if kind := kill_one([each.pid for each in leaders], chance):
                    kills[kind] += 1
        finally:
            for each in leaders:
                kill_family(each)
        if leader.returncode == 0:  # it finished in spite of all
            break
        watch.look()
        if chance.random() < 0.2:
            watch.spoilt |= spoil_one(log, chance)
    last, runs = start_snakemake(where, WORDS), runs + 1
    watch.wait(last, 3600)
    code = last.wait(1)
    watch.look()
    kill_family(last)
    product = log / "tiny" / "phase_diagram.zarr"
    digest = open_store(product).attrs["content_digest"] if code == 0 else (where / "said.txt").read_text()
    point_log = PointLog(log / "points")
    (model,) = point_log.models()
    segments = point_log.segments(model)
    lost = watch.seen - watch.spoilt - set(segments)
    twice = sum(count - 1 for count in Counter(entry.name.key for entry in point_log.entries(segments)).values())
    equal = digest == undisturbed
    return Result(dict(kills), runs, n_second, len(watch.spoilt), len(segments), len(lost), twice, watch.n_again, equal)


def second_driver(where: Path) -> subprocess.Popen[str]:
    """`nessmap simulate` by hand, beside the one that Snakemake started."""
    command = [sys.executable, "-m", "nessmap", "simulate", "workflow/sweeps/tiny.yaml", "--workers", str(N_OF_SECOND)]
    with (where / "said_by_the_second.txt").open("a") as said:
        return subprocess.Popen(
            command, cwd=where, stdout=said, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )


def spoil_one(results: Path, chance: random.Random) -> set[Path]:
    """Cut a stored segment short, or flip a bit of it; which one."""
    segments = stored_segments(results)
    if not segments:
        return set()
    path = chance.choice(list(segments))
    content = bytearray(segments[path])
    place = chance.randrange(len(content))
    if chance.random() < 0.5:
        content = content[:place]
    else:
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return {path}


def kill_one(leaders: Sequence[int], chance: random.Random) -> str:
    """End a process of the families, most often a worker, at times a driver in order; what it was, '' if there was none."""
    candidates = []
    for leader in leaders:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [psutil.Process(leader), *psutil.Process(leader).children(recursive=True)]
            candidates += [(kind, process) for process in family if (kind := kind_of(process))]
    kinds = sorted({kind for kind, _ in candidates})
    if not kinds:
        return ""
    # workers most often: that is what a cluster loses
    kind = chance.choices(kinds, [8.0 if kind == "worker" else 1.0 for kind in kinds])[0]
    chosen = chance.choice([process for own, process in candidates if own == kind])
    in_order = kind == "driver" and chance.random() < 0.5
    try:
        if in_order:
            chosen.terminate()
        else:
            chosen.kill()
    except psutil.NoSuchProcess:
        return ""
    return "driver, in order" if in_order else kind


def truth(path: Path, results: Path) -> str:
    """Digest of an undisturbed run in this process."""
    sweep = Sweep(path)
    with serial(1) as run:
        simulated(sweep, results, run)
        return str(aggregate(sweep, assemble(sweep, results / "points", []), run).attrs["content_digest"])


def broken_promises(result: Result, records_per_point: int, n_kill: int) -> list[str]:
    """What a campaign must not have found."""
    in_flight = (WINDOW_PER_WORKER * N_WORKER + 1) * records_per_point
    # and those of a second driver; what the first one had in flight may be computed by it, too
    of_two = in_flight + (WINDOW_PER_WORKER * N_OF_SECOND + 1) * records_per_point
    found = []
    if result.segments_lost:
        found.append(f"{result.segments_lost} stored segments are gone")
    twice = result.records_twice + records_per_point * result.segments_twice
    if twice > in_flight * result.runs + of_two * result.second_drivers:
        found.append(f"{twice} records were computed twice, more than were in flight")
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
