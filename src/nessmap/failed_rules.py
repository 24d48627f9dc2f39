"""What a workflow that failed says last: the first error of nessmap's, and in which log it stands.

Imports nothing heavy: it is read with Snakemake's rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MARK = "nessmap: error: "  # of errors in a log, where nothing else tells them from messages
_LOG_OF_A_FAILED_RULE = re.compile(r"^ *log: (.+?)(?:, .*)? \(check log file", re.MULTILINE)


def last_words(snakemake_logs: Iterable[str | Path]) -> str:
    """The first error that a failed rule wrote into its log, and that log's path; empty where no rule failed.

    A job that was killed writes none. One that was tried again and came to its end has no error in its log any more.
    """
    texts = [_text(Path(log)) for log in snakemake_logs]
    logs = list(dict.fromkeys(path for text in texts for path in _LOG_OF_A_FAILED_RULE.findall(text)))
    errors = {path: error for path in logs if (error := _first_error(_text(Path(path))))}
    if not logs:
        return ""
    for path, error in errors.items():
        several = f"{len(errors)} jobs failed, the first with\n" if len(errors) > 1 else ""
        return f"{several}{error}\n{path}"
    return f"nessmap: the job ended before it could say why, as one that is killed does; what it said is in\n{logs[0]}"


def _first_error(text: str) -> str:
    """The first error in a log with the lines that belong to it."""
    _, mark, rest = text.partition(MARK)
    return (mark + rest).split("\nnessmap: ")[0].strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
