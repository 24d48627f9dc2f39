"""Examples of what can be typed, of every command: the help of each shows its own, that of `nessmap` the first of some."""

from __future__ import annotations

# by command: what stands behind `nessmap`, and what it is for
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "plan": (
        ("plan amari_field", "what would be computed, and what it costs"),
        ("plan my_sweep.yaml --json", "of a file of your own, for programs"),
    ),
    "status": (
        ("status", "how far every sweep is"),
        ("status amari_field amari_field-small", "these two"),
    ),
    "failures": (("failures amari_field", "which points failed, and why"),),
    "point": (
        (
            "point amari_field coupling=0.9 shift=0.5 noise_correlation_length=0.5 --check",
            "one point again, compared with the stored one to the bit",
        ),
        ("point amari_field coupling=0.9 shift=0.5 noise_correlation_length=0 --json", "its numbers, for programs"),
    ),
    "simulate": (
        ("simulate amari_field --retry-failed", "compute failed points again"),
        ("simulate amari_field-small --executor serial", "the small form, in this process"),
    ),
    "forget": (
        ("forget amari_field coupling=0.9 --delete", "these points from nothing, whatever is stored"),
        ("forget amari_field --failed", "how many records the failed points have"),
    ),
    "aggregate": (
        ("aggregate amari_field --output theory.zarr", "theory before any run; what the log has, while one goes on"),
        ("aggregate amari_field --points points.zarr --output phase_diagram.zarr", "of what was assembled"),
    ),
    "compact": (("compact", "fewer and larger files"),),
    "gc": (
        ("gc", "how much nobody wants any more"),
        ("gc my_sweep.yaml --days 7 --delete", "what is older than a week goes; that of my_sweep stays"),
    ),
    "open": (("open amari_field", "what was made of it, in the browser"),),
    "estimate": (
        (
            "estimate recording.csv --source v --target r --figure rates.svg",
            "entropy production and information in a recording of your own",
        ),
        ("estimate trials.npy --dt 0.1 --surrogates 99", "p-values from surrogates, samples 0.1 apart"),
    ),
    "assemble": (
        ("assemble amari_field --output points.zarr", "whatever the log has of it"),
        (
            "assemble amari_field --manifests results/amari_field/shards/0.json --output points.zarr",
            "what a shard vouches for, or an error",
        ),
    ),
    "figure": (
        (
            "figure amari_field entropy_production --phase-diagram results/amari_field/phase_diagram.zarr --output a.svg",
            "one figure of its sweep file again",
        ),
    ),
    "explorer": (
        (
            "explorer amari_field --phase-diagram results/amari_field/phase_diagram.zarr --output amari_field.html",
            "one file that needs no server",
        ),
    ),
    "cite": (("cite amari_field", "papers and software, as lines"),),
    "new": (("new model two_wells --folder wells", "wells/two_wells.py and .yaml, and tests that pass"),),
    "schema": (("schema", "for the editor's checks and completion"),),
}
_ON_TOP = (
    "plan",
    "status",
    "failures",
    "point",
    "simulate",
    "forget",
    "aggregate",
    "compact",
    "gc",
    "open",
    "estimate",
)
_WIDTH = 51  # of a command that has its meaning beside it and not below


def examples_of(*commands: str) -> str:
    """The examples of one command; of several the first of each.

    >>> print(examples_of("compact"))
    examples:
      nessmap compact                                      fewer and larger files
    """
    chosen = EXAMPLES[commands[0]] if len(commands) == 1 else [EXAMPLES[name][0] for name in commands]
    lines = ["examples:"]
    for words, meaning in chosen:
        line = f"nessmap {words}"
        lines += (
            [f"  {line:{_WIDTH}}  {meaning}"] if len(line) <= _WIDTH else [f"  {line}", f"{'':{_WIDTH + 4}}{meaning}"]
        )
    return "\n".join(lines)


TOP = f"""{examples_of(*_ON_TOP)}

SWEEP is a sweep file or the name of one in workflow/sweeps; NAME-small is its small form.

exit codes:
  0    done
  1    a computation failed, or what it needs is not there
  2    a mistake in what was asked: in words, a sweep file or a recording
  75   the job's time ran out: the same command goes on
  130  interrupted (Ctrl-C)
  143  ended by a scheduler (SIGTERM)"""
