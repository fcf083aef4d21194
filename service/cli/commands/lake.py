"""`gatehouse lake`: how far the lake is, shipping to it, and whether it is right."""

import click

from service.cli import output
from service.cli.invocation import Run, command


@click.group()
def lake() -> None:
    """See and check the lake: every change, on object storage, for other engines."""


@lake.command()
@command
def status(run: Run) -> None:
    """Show how far the lake is, and what failed last."""
    with run.connect() as client:
        answer = client.get("/v1/lake")
    _show(run, answer)


@lake.command()
@command
def ship(run: Run) -> None:
    """Ship all that waits, now."""
    with run.connect() as client, output.progress("shipping"):
        answer = client.post("/v1/lake/ship")
    _show(run, answer)


@lake.command()
@command
def verify(run: Run) -> int:
    """Read all of the lake, replay it, and compare it with the tables.

    Exits with 1, and names each problem, if it is not right.
    """
    with run.connect() as client, output.progress("checking"):
        answer = client.post("/v1/lake/verify")
    if run.as_json:
        output.print_json(answer)
        return int(not answer["ok"])
    output.table(answer["tables"], ["table", "rows", "replayed", "differing"])
    for problem in answer["problems"]:
        output.line(f"BAD {problem}")
    if answer["ok"]:
        segments = f"{answer['segments']} segments up to {answer['shipped']}"
        output.line(f"ok  {segments}, {answer['last'] - answer['shipped']} sequences wait")
    return int(not answer["ok"])


def _show(run: Run, answer: dict[str, object]) -> None:
    if run.as_json:
        output.print_json(answer)
        return
    for name, value in answer.items():
        if value is not None:
            output.line(f"{name.replace('_', ' ')}: {output.cell(value)}")
