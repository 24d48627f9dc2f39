"""What a mistake is told, scored: where, what was found, what was expected, what to do, and no more than that."""

import pytest

from mistakes import MISTAKES
from nessmap.config import ConfigError
from nessmap.model import as_written
from nessmap.sweep import Sweep

POINTS = ("where", "found", "expected", "remedy", "short")
WAYS_OUT = ("did you mean", "known:", "expected", "; ", "keep one", "take it out")
INTERNALS = ("Traceback", "pydantic", "Error:", "object at", "<class", "NoneType", "0x")


def leaves(content, path=()):
    """Every (key path, value) of a nested mapping."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from leaves(value, (*path, str(key)))
    else:
        yield path, content


def score(file, sections, said):
    """One point each: file and key; value found; what was expected; a way out; one line of at most 250 characters."""
    message = said.removeprefix(f"{file}: ")
    given = list(leaves(sections))
    keys = {part for path, _ in given for part in path}
    values = {form for path, value in given for form in (as_written(value), str(value), path[-1])}
    return {
        "where": said.startswith(str(file)) and any(key in message for key in keys),
        "found": any(form and form in message for form in values),
        "expected": any(
            word in message for word in ("expected", "did you mean", "known:", "twice", "keep one", "not ")
        ),
        "remedy": any(word in message for word in WAYS_OUT),
        "short": "\n" not in said and len(message) <= 250 and not any(word in said for word in INTERNALS),
    }


@pytest.mark.slow
def test_mistakes_are_told_in_full(sweep_file, capsys):
    rows = []
    for name, (sections, _) in MISTAKES.items():
        file = sweep_file(**sections)
        with pytest.raises(ConfigError) as error:
            Sweep(file).points  # noqa: B018  # parameters are set against each other as points are made
        rows.append((name, score(file, sections, str(error.value))))
    totals = {name: sum(points.values()) for name, points in rows}
    with capsys.disabled():
        print(f"\n{'mistake':60} {' '.join(POINTS)}  of 5")
        for name, points in rows:
            print(f"{name[:60]:60} {' '.join(f'{int(points[p]):{len(p)}}' for p in POINTS)}  {totals[name]:4}")
        print(f"{len(rows)} mistakes, mean {sum(totals.values()) / len(rows):.2f} of 5")
    assert len(rows) >= 25
    assert sum(totals.values()) / len(rows) >= 4.5
    assert min(totals.values()) >= 4, [name for name, total in totals.items() if total < 4]
