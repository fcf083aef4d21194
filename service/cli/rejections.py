"""Commands about the rows that were kept out."""

from typing import Any

import click

from service.cli import output
from service.cli.command import Run, command, segment


@click.group(invoke_without_command=True)
@click.option("--table", help="Only rows of this table.")
@click.option("--rule", help="Only rows that broke this rule.")
@click.option("--load", "load_id", help="Only rows of this load.")
@click.option("--status", type=click.Choice(["open", "accepted", "dismissed"]))
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def rejections(run: Run, limit: int, **only: str | None) -> None:
    """List the rows that were kept out, and why."""
    context = click.get_current_context()
    if context.invoked_subcommand:
        given = {"as_json": run.as_json, "url": run.url}
        context.default_map = {"show": given, "dismiss": given}
        return
    with run.connect() as client:
        found = client.pages("/v1/rejections", "rejections", limit, **only)
    rows = [{**rejection, "why": _why(rejection)} for rejection in found]
    run.show(found, rows, ["rejection_id", "table", "position", "status", "why"])


@rejections.command()
@click.argument("rejection_id")
@command
def show(run: Run, rejection_id: str) -> None:
    """Show one row as it was sent, with every reason."""
    with run.connect() as client:
        found = client.get(f"/v1/rejections/{segment(rejection_id)}")
    if not run.as_json:
        for name in ("table", "position", "load_id", "rejected_at", "status", "payload"):
            output.line(f"{name}: {output.cell(found[name])}")
    run.show(found, found["violations"], ["column", "rule", "message", "value"])


@rejections.command()
@click.argument("rejection_id")
@command
def dismiss(run: Run, rejection_id: str) -> None:
    """Say that a row stays out; it remains listed."""
    with run.connect() as client:
        client.delete(f"/v1/rejections/{segment(rejection_id)}")
    if run.as_json:
        output.print_json({"rejection_id": rejection_id, "status": "dismissed"})
    else:
        output.line(f"dismissed {rejection_id}")


def _why(rejection: dict[str, Any]) -> str:
    return "; ".join(
        f"{violation['rule']}: {violation['message']}" for violation in rejection["violations"]
    )
