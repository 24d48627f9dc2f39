"""What `nessmap` and `python -m nessmap` run: a command, and what its errors say."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from nessmap.allocation import numba_cache
from nessmap.executors import ONE_THREAD

os.environ |= ONE_THREAD  # before numpy is loaded: the serial executor must give the workers' bits
os.environ |= numba_cache()

from nessmap import commands
from nessmap.command_line import parser
from nessmap.config import ConfigError
from nessmap.messages import log, talking, write_log
from nessmap.model import ParameterError
from nessmap.object_store import StoreError
from nessmap.points import LogError
from nessmap.shard import VersionError
from nessmap.stopping import OutOfTime, Terminated, terminable


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; 0 is success, 1 a failed computation, 2 a mistake in what was asked, 75 a job that ran out of time.

    128 + n is a signal: 130 an interrupt, 143 a scheduler that wants its node back.
    """
    top = parser()
    arguments, rest = top.parse_known_args(words)
    if hasattr(arguments, "parameters"):  # argparse leaves out what stands behind an option
        arguments.parameters += [word for word in rest if not word.startswith("-")]
        rest = [word for word in rest if word.startswith("-")]
    if rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    with talking(), terminable():
        try:
            if arguments.log:
                write_log(arguments.log)
            status = int(arguments.run(arguments))
            sys.stdout.flush()
            return status
        except (ConfigError, ParameterError) as error:
            log.error("%s", error)
            return 2
        except BrokenPipeError:  # the reader of our output left, as in `nessmap failures ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:  # a full disk, a folder that cannot be written
            log.error("%s", f"{error.filename}: {error.strerror}" if error.filename else error)
            return 1
        except OutOfTime:
            log.error("the job's time is about to end; what was computed is saved, the same command goes on from there")
            return commands.OUT_OF_TIME
        except KeyboardInterrupt as stop:
            goes_on = arguments.run is commands.simulate
            kept = "what was computed is saved, the same command goes on from there"
            log.error("stopped; %s", kept if goes_on else "the same command begins again")
            return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
        except RuntimeError as error:
            if not isinstance(error, _known_errors()):
                raise
            log.error("%s", error)
            return 1


def _known_errors() -> tuple[type[RuntimeError], ...]:
    """Errors whose message says all that a person needs."""
    from nessmap.assembly import MissingRecords  # late: it loads xarray

    return (MissingRecords, VersionError, LogError, StoreError)


if __name__ == "__main__":
    sys.exit(main())
