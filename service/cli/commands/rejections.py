"""`gatehouse rejections`: lists, shows, exports, replays and dismisses rejected rows."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, output
from service.cli.dates import moment_option
from service.cli.invocation import Run, command, is_of_subcommand, segment
from service.cli.replays import reason_of, replay_all, replay_corrected, replay_one
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client

STATUSES = click.Choice(["open", "accepted", "dismissed"])


def filters(body: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which rejections are meant."""
    for option in (
        click.option(
            "--until", callback=moment_option, metavar="90d|DAY", help="Only rows rejected before."
        ),
        click.option(
            "--since", callback=moment_option, metavar="90d|DAY", help="Only rows rejected since."
        ),
        click.option(
            "--load", "load_id", help="Only rows of this load.", shell_complete=completing.loads
        ),
        click.option(
            "--rule", help="Only rows that broke this rule.", shell_complete=completing.rules
        ),
        click.option("--column", help="Only rows that broke a rule of this column."),
        click.option("--text", help="Only rows with this text in what was sent."),
        click.option("--table", help="Only rows of this table.", shell_complete=completing.tables),
    ):
        body = option(body)
    return body


@click.group(invoke_without_command=True)
@filters
@click.option("--status", type=STATUSES)
@click.option("--summary", is_flag=True, help="Count them by table, column, rule and status.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def rejections(run: Run, limit: int, summary: bool, **only: str | None) -> None:
    """List the rows that were kept out, and why."""
    if is_of_subcommand(run):
        return
    with run.connect() as client:
        if summary:
            _summarize(run, client, only)
            return
        found = client.pages("/v1/rejections", "rejections", limit, **only)
    rows = [{**rejection, "why": reason_of(rejection)} for rejection in found]
    run.show_entries(found, rows, ["rejection_id", "table", "position", "status", "why"], _told)


def _told(rejection: output.Row) -> list[str]:
    place = f"{rejection['table']} {rejection['position']}"
    return [f"{rejection['rejection_id']}  {place}  {rejection['status']}", str(rejection["why"])]


def _summarize(run: Run, client: "Client", only: dict[str, str | None]) -> None:
    if others := [name for name, value in only.items() if value and name != "table"]:
        raise click.UsageError(f"a summary is of a table or all, not by {', '.join(others)}")
    answer = client.get("/v1/rejections/summary", table=only["table"])
    if not run.as_json:
        output.line(", ".join(f"{answer[name]:,} {name}" for name in STATUSES.choices))
    run.show(answer, answer["counts"], ["rejections", "table", "column", "rule", "status"])


@rejections.command()
@filters
@click.option("--status", type=STATUSES)
@command
def groups(run: Run, **only: str | None) -> None:
    """Count the rows of a filter by table, column and rule, the largest groups first.

    What is said of them to `replay` and `dismiss` means the same rows, while they are open.
    """
    with run.connect() as client:
        answer = client.get("/v1/rejections/groups", **only)
    if not run.as_json:
        output.line(counted(answer["rejections"], "row"))
    run.show(answer, answer["groups"], ["rejections", "table", "column", "rule"])


@rejections.command()
@click.argument("rejection_id", shell_complete=completing.rejections)
@command
def show(run: Run, rejection_id: str) -> None:
    """Show one row as it was sent, with every reason, and what came of it since."""
    with run.connect() as client:
        found = client.get(f"/v1/rejections/{segment(rejection_id)}")
    if not run.as_json:
        for name in ("table", "position", "load_id", "rejected_at", "status", "payload"):
            output.line(f"{name}: {output.cell(found[name])}")
        for name in ("resolved_at", "resolved_by", "resolution"):
            if found[name] is not None:
                output.line(f"{name}: {output.cell(found[name])}")
        for each in found["replays"]:
            output.line(f"replayed: {each['replayed_at']} {each['outcome']} {each['load_id']}")
    run.show(found, found["violations"], ["column", "rule", "message", "value"])


@rejections.command()
@click.argument("rejection_id", required=False, shell_complete=completing.rejections)
@filters
@click.option("--all", "everything", is_flag=True, help="Every open rejection.")
@click.option("--reason", help="Why it stays out.")
@click.option("--dry-run", is_flag=True, help="Of a filter: only say how many rows are meant.")
@click.option("--expected", type=int, help="Of a filter: do it only where so many are meant.")
@command
def dismiss(
    run: Run,
    rejection_id: str | None,
    everything: bool,
    reason: str | None,
    dry_run: bool,
    expected: int | None,
    **only: str | None,
) -> None:
    """Say that a row, or all open rows of a filter, stay out; they remain listed."""
    wanted = {name: value for name, value in only.items() if value is not None}
    if bool(rejection_id) == bool(wanted or everything):
        raise click.UsageError("name a REJECTION_ID, or a filter such as --table T, or say --all")
    if rejection_id and (dry_run or expected is not None):
        raise click.UsageError("--dry-run and --expected are for the rows of a filter")
    with run.connect() as client:
        if rejection_id is None:
            said = {"reason": reason, "expected": expected, "dry_run": dry_run or None}
            given = {name: value for name, value in said.items() if value is not None}
            answer = client.post("/v1/rejections/dismiss", **wanted, **given)
        else:
            client.delete(f"/v1/rejections/{segment(rejection_id)}", reason=reason)
            answer = {"rejection_id": rejection_id, "status": "dismissed"}
    if run.as_json:
        output.print_json(answer)
    elif rejection_id is not None:
        output.line(f"dismissed {rejection_id}")
    else:
        verb = "would be dismissed" if dry_run else "dismissed"
        output.line(f"{counted(answer['matched'], 'row')} {verb}")


@rejections.command()
@filters
@click.option("--status", type=STATUSES, default="open", show_default=True)
@click.option("-o", "--output", "path", default="-", metavar="FILE", help="Default: stdout.")
@command
def export(run: Run, path: str, **only: str | None) -> None:
    """Write the rows that were kept out as CSV, to correct them in a spreadsheet.

    Besides the columns it has rejection_id, _table (without --table), _rest (what a row has beyond
    its columns, or a line that could not be read) and reasons. `gatehouse rejections replay FILE`
    takes it back.

    Values are written exactly as they were sent. One that begins with "=" is a formula to a
    spreadsheet: have it read all columns as text.
    """
    from service.cli.corrections import write

    with run.connect() as client:
        count = write(client, path, only)
    if run.as_json and path != "-":
        output.print_json({"file": path, "rows": count})
    else:
        output.note(counted(count, "row"))


@rejections.command()
@click.argument("what", required=False, metavar="[REJECTION_ID|FILE.csv]")
@filters
@click.option("--all", "everything", is_flag=True, help="Try every open rejection again.")
@click.option("--set", "changes", multiple=True, metavar="COLUMN=VALUE", help="In all of them.")
@click.option("--dry-run", is_flag=True, help="Only judge the rows; not for a file.")
@click.option("--expected", type=int, help="Of a filter: do it only where so many are meant.")
@command
def replay(
    run: Run,
    what: str | None,
    everything: bool,
    changes: tuple[str, ...],
    dry_run: bool,
    expected: int | None,
    **only: str | None,
) -> int:
    """Try rows again: one as it was, the corrected ones of an exported file, or all of a filter.

    With --set, all rows of a filter (it has to name the --table) have that value in that column.
    Exits with 1 if some still fail.
    """
    wanted: dict[str, Any] = {name: value for name, value in only.items() if value is not None}
    is_many = everything or bool(wanted)
    if is_many == bool(what):
        raise click.UsageError("name a REJECTION_ID or a FILE.csv, or a filter, or say --all")
    is_file = bool(what) and str(what).lower().endswith((".csv", ".txt", ".tsv"))
    if is_file and dry_run:
        raise click.UsageError("--dry-run is for a REJECTION_ID, or a filter")
    if not is_many and (changes or expected is not None):
        raise click.UsageError("--set and --expected are for the rows of a filter")
    with run.connect() as client:
        if is_many:
            said = {"expected": expected, "dry_run": dry_run or None}
            wanted |= {name: value for name, value in said.items() if value is not None}
            return replay_all(run, client, wanted, _changes(changes))
        if is_file:
            from service.cli.corrections import read

            return replay_corrected(run, client, list(read(str(what))))
        return replay_one(run, client, str(what), dry_run)


def _changes(changes: tuple[str, ...]) -> dict[str, Any]:
    """Values by column: as JSON has them, or else texts."""
    found: dict[str, Any] = {}
    for each in changes:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"{each} is no COLUMN=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
