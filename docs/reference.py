"""The reference page: models with their parameters, observables, drawings, all from the tables that the code itself uses."""

import inspect
from pathlib import Path

from nessmap.figures import FIGURES, _function
from nessmap.models import MODELS
from nessmap.observables import OBSERVABLES
from nessmap.protocols import PROTOCOLS


def first_paragraph(thing: object) -> str:
    """Of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


def mathematics(symbol: str) -> str:
    return f"${symbol}$" if symbol else ""


def models() -> list[str]:
    lines = ["## Models", ""]
    for name, model in MODELS.items():
        module = first_paragraph(inspect.getmodule(model))
        lines += [f"### `{name}`", "", module, ""]
        rows = []
        for parameter in model.parameters().values():
            default = f"`{parameter.default}`"
            rows.append(
                [
                    f"`{parameter.name}`",
                    mathematics(parameter.symbol),
                    parameter.long_name,
                    default,
                    parameter.expectation,
                ]
            )
        lines += table(["parameter", "symbol", "what it is", "default", "domain"], rows)
    return lines


def observables() -> list[str]:
    sides = {"first": "the first side", "second": "the second side"}
    rows = [
        [
            f"`{name}`",
            mathematics(observable.symbol),
            observable.long_name.format(**sides),
            observable.units,
            observable.protocol,
            observable.source,
        ]
        for name, observable in OBSERVABLES.items()
    ]
    head = ["observable", "symbol", "what it is", "unit", "run.kind", "source"]
    return ["## Observables", "", *table(head, rows)]


def drawings() -> list[str]:
    rows = [[f"`{name}`", first_paragraph(_function(name))] for name in FIGURES]
    return ["## Drawings", "", *table(["draw", "what it shows"], rows)]


def protocols() -> list[str]:
    rows = [[f"`{name}`", first_paragraph(protocol), protocol.unit] for name, protocol in PROTOCOLS.items()]
    return ["## Protocols", "", *table(["run.kind", "what is done", "what is independent"], rows)]


def write(path: Path) -> None:
    """Write the page."""
    opening = ["# Reference", "", "Made from the code when these pages are built.", ""]
    path.write_text("\n".join([*opening, *models(), *protocols(), *observables(), *drawings()]))
