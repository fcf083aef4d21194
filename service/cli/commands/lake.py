"""`gatehouse lake`: how far the lake is, shipping to it, and whether it is right."""

import click

from service.cli import output
from service.cli.failures import REJECTED, UNREACHABLE
from service.cli.invocation import Run, command, local_command

AWAY = "store-unavailable"


@click.group()
def lake() -> None:
    """See and check the lake: every change, on object storage, for other engines."""


@lake.command()
@command
def status(run: Run) -> int:
    """Show how far the lake is, and what failed last.

    Exits with 3 if that was that the store is away, with 1 if it was anything else.
    """
    with run.connect() as client:
        answer = client.get("/v1/lake")
    _show(run, answer)
    if answer["failure"] is None:
        return 0
    return UNREACHABLE if answer["problem"] == AWAY else REJECTED


@lake.command()
@command
def ship(run: Run) -> None:
    """Ship all that waits, now."""
    with run.connect() as client, output.progress("shipping"):
        answer = client.post("/v1/lake/ship")
    _show(run, answer)


@lake.command()
@local_command
def adopt(run: Run) -> None:
    """Make the lake this warehouse's, whoever's it was.

    For a warehouse that was made anew, or whose lake was another's that is no more. It goes on by
    a snapshot. No service may run on either of them.
    """
    from service.cli.inside import adopt_lake

    before = adopt_lake(run.settings)
    if run.as_json:
        whose_before = before and before.warehouse
        output.print_json({"lake": str(run.settings.lake), "before": whose_before})
        return
    whose = f"; it was that of {before.warehouse}" if before else ""
    output.line(f"the lake in {run.settings.lake} is this warehouse's now{whose}")


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
