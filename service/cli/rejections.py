"""Commands about the rows that were kept out: look at them, correct them, try them again."""

from pathlib import Path
from typing import Any

import click

from service.cli import output
from service.cli.command import Run, command, segment

SUBCOMMANDS = ("show", "dismiss", "export", "replay")


@click.group(invoke_without_command=True)
@click.option("--table", help="Only rows of this table.")
@click.option("--rule", help="Only rows that broke this rule.")
@click.option("--load", "load_id", help="Only rows of this load.")
@click.option("--status", type=click.Choice(["open", "accepted", "dismissed"]))
@click.option("--since", help="Only rows kept out since this moment (ISO 8601, UTC).")
@click.option("--until", help="Only rows kept out before this moment.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--summary", is_flag=True, help="Count them by table, column, rule and status.")
@command
def rejections(run: Run, limit: int, summary: bool, **only: str | None) -> None:
    """List the rows that were kept out, and why."""
    context = click.get_current_context()
    if context.invoked_subcommand:
        given = {"as_json": run.as_json, "url": run.url}
        context.default_map = dict.fromkeys(SUBCOMMANDS, given)
        return
    if summary:
        _summarize(run, only)
        return
    with run.connect() as client:
        found = client.pages("/v1/rejections", "rejections", limit, **only)
    rows = [{**rejection, "why": why(rejection)} for rejection in found]
    run.show(found, rows, ["rejection_id", "table", "position", "status", "why"])


def _summarize(run: Run, only: dict[str, str | None]) -> None:
    others = [name for name, value in only.items() if value and name != "table"]
    if others:
        raise click.UsageError("--summary is of all rejections, or of those of a --table")
    with run.connect() as client:
        found = client.get("/v1/rejections/summary", table=only["table"])
    if not run.as_json:
        counts = (f"{found[name]:,} {name}" for name in ("open", "accepted", "dismissed"))
        output.line(", ".join(counts))
    run.show(found, found["counts"], ["table", "column", "rule", "status", "rejections"])


@rejections.command()
@click.argument("rejection_id")
@command
def show(run: Run, rejection_id: str) -> None:
    """Show one row as it was sent, with every reason."""
    with run.connect() as client:
        found = client.get(f"/v1/rejections/{segment(rejection_id)}")
    if not run.as_json:
        for name in ("table", "position", "load_id", "rejected_at", "status", "payload", "raw"):
            output.line(f"{name}: {output.cell(found[name])}")
        for name in ("resolved_at", "resolved_by", "resolution"):
            if found[name]:
                output.line(f"{name}: {output.cell(found[name])}")
        for each in found["replays"]:
            output.line(f"replayed: {each['replayed_at']} ({each['outcome']})")
    run.show(found, found["violations"], ["column", "rule", "message", "value"])


@rejections.command()
@click.argument("rejection_id")
@click.option("--reason", help="Why; it is kept.")
@command
def dismiss(run: Run, rejection_id: str, reason: str | None) -> None:
    """Say that a row stays out; it remains listed."""
    parameters = {"params": {"reason": reason}} if reason else {}
    with run.connect() as client:
        client.send("DELETE", f"/v1/rejections/{segment(rejection_id)}", **parameters)
    if run.as_json:
        output.print_json({"rejection_id": rejection_id, "status": "dismissed"})
    else:
        output.line(f"dismissed {rejection_id}")


@rejections.command()
@click.option("--table", help="Only rows of this table; needed where several have some.")
@click.option("--rule", help="Only rows that broke this rule.")
@click.option("--load", "load_id", help="Only rows of this load.")
@click.option("--status", default="open", show_default=True)
@click.option("--since", help="Only rows kept out since this moment (ISO 8601, UTC).")
@click.option("--until", help="Only rows kept out before this moment.")
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="Default: stdout.")
@command
def export(run: Run, target: Path | None, **only: str | None) -> None:
    """Write rows as CSV, with their reasons, to be corrected and replayed.

    Values are written as they are: a spreadsheet may take one that begins with = for a formula.
    """
    from service.cli.corrections import write_corrections

    count = write_corrections(run, target, only)
    if target is not None:
        output.note(f"{target}: {count:,} rows; `gatehouse rejections replay {target}` tries them")


@rejections.command()
@click.argument("target", required=False, metavar="[REJECTION_ID|CORRECTED.csv]")
@click.option("--all", "every", is_flag=True, help="Try all that are open, of one or all tables.")
@click.option("--table", help="With --all: only rows of this table.")
@command
def replay(run: Run, target: str | None, every: bool, table: str | None) -> int:
    """Try rows again: one as it was, those of a corrected export, or all that are open."""
    from service.cli.corrections import replay_all, replay_file, replay_one

    if bool(target) == every:
        raise click.UsageError("name a rejection or a file, or say --all")
    if table and not every:
        raise click.UsageError("--table goes with --all")
    if target is None:
        return replay_all(run, table)
    return replay_file(run, Path(target)) if Path(target).is_file() else replay_one(run, target)


def why(rejection: dict[str, Any]) -> str:
    """All reasons on one line."""
    return "; ".join(
        f"{violation['rule']}: {violation['message']}" for violation in rejection["violations"]
    )
