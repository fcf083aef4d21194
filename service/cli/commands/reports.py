"""`gatehouse reports`: lists and shows reports."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, segment

if TYPE_CHECKING:
    from service.cli.client import Client

PICTURES = (".svg", ".png")
DEFAULTS = {"year": "2021"}  # of a parameter that a report needs
ANY_OPTION = {"ignore_unknown_options": True}


@click.command(context_settings=ANY_OPTION)
@click.argument("name", required=False, shell_complete=completing.reports)
@click.argument("parameters", nargs=-1, type=click.UNPROCESSED, metavar="[--PARAM VALUE]...")
@click.option("--chart", "picture", metavar="FILE", help="Write its chart, as .svg or .png.")
@command
def reports(run: Run, name: str | None, parameters: tuple[str, ...], picture: str | None) -> None:
    """Show a report; without NAME, list them.

    What a report asks for is said by options of its own: `gatehouse reports hires_by_quarter
    --year 2022`. One that takes several values is named several times.
    """
    given = _given(parameters)
    if picture is not None and Path(picture).suffix.lower() not in PICTURES:
        raise click.UsageError(f"--chart writes {' and '.join(PICTURES)}")
    with run.connect() as client:
        found = client.get("/v1/reports")
        if name is None:
            run.show(found, found, ["name", "description"])
            return
        said = next((each for each in found if each["name"] == name), None)
        _complete(said, given)
        if picture is not None:
            _write_chart(run, client, name, given, picture)
        else:
            _show_report(run, client.get(f"/v1/reports/{segment(name)}", **given), said)


def _given(parameters: tuple[str, ...]) -> dict[str, Any]:
    """Values by parameter, of ``--year 2021`` and ``--year=2021``."""
    given: dict[str, Any] = {}
    left = list(parameters)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if not name.startswith("--") or len(name) < 3:
            raise click.UsageError(f"{name} is no --PARAM VALUE")
        if not equals:
            if not left:
                raise click.UsageError(f"{name} needs a value")
            value = left.pop(0)
        given.setdefault(name[2:].replace("-", "_"), []).append(value)
    return given


def _complete(said: dict[str, Any] | None, given: dict[str, Any]) -> None:
    """Adds the values that a report needs and were not said."""
    for each in said["takes"] if said else ():
        if each["required"] and each["name"] in DEFAULTS:
            given.setdefault(each["name"], [DEFAULTS[each["name"]]])


def _write_chart(
    run: Run, client: "Client", name: str, given: dict[str, Any], picture: str
) -> None:
    ending = Path(picture).suffix.lower()
    answer = client.send("GET", f"/v1/reports/{segment(name)}{ending}", params=given)
    Path(picture).write_bytes(answer.content)
    if run.as_json:
        output.print_json({"file": picture, "bytes": len(answer.content)})
    else:
        output.note(f"wrote {picture}")


def _show_report(run: Run, report: dict[str, Any], said: dict[str, Any] | None) -> None:
    rows = report["rows"]
    if not run.as_json:
        for name, value in report.items():
            if name != "rows":
                output.line(f"{name}: {value}")
    run.show(report, rows, list(rows[0]) if rows else ["no rows"])
    if said and said["chart"] and output.is_terminal() and not run.as_json:
        from service.cli.bars import bars

        for line in bars(said, report):
            output.line(line)
