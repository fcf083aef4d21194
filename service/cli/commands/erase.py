"""`gatehouse erase`: removes a row and all traces of it."""

from typing import Any

import click

from service.cli import completing, consent, output
from service.cli.invocation import Run, command, segment
from service.runtime.wording import counted


@click.command()
@click.argument("table", shell_complete=completing.tables)
@click.argument("key")
@click.option("--reason", help="Why; it stays on the trail, so no one's name belongs there.")
@click.option("--cascade", is_flag=True, help="Erase the rows that refer to it, too.")
@click.option("--backups", is_flag=True, help="Write the backups that hold it anew, without it.")
@click.option("--allow", is_flag=True, help="Let a row of KEY, which was erased, come in again.")
@consent.yes_option
@command
def erase(
    run: Run, table: str, key: str, reason: str | None, allow: bool, yes: bool, **how: bool
) -> int:
    """Erase the row of TABLE with the primary key KEY, and what the books have of it.

    That are the history of its changes, what was sent of it and rejected, lines of files, and
    answers that are kept. It says which backups still hold it. No door lets the row in again,
    unless that is said by --allow. Exits with 1 where a backup still holds it.
    """
    address = f"/v1/tables/{segment(table)}/rows/{segment(key)}"
    if allow:
        with run.connect() as client:
            client.delete(f"{address}/erasure")
        run.show(
            {"table": table, "allowed": True}, [{"table": table, "key": key}], ["table", "key"]
        )
        return 0
    if not reason:
        raise click.UsageError("say why, by --reason")
    consent.require(yes, f"gatehouse erase {table} …")
    if not yes:
        consent.confirm(f"Erase the row of {table}, for good?")
    with run.connect() as client:
        done = client.post(f"{address}/erase", {"reason": reason, **how})
    left = [each for each in done["backups"] if each["rewritten_to"] is None]
    if run.as_json:
        output.print_json(done)
    else:
        _show(done, left)
    return int(bool(left))


def _show(done: dict[str, Any], left: list[dict[str, Any]]) -> None:
    for each in done["rows"]:
        found = ", ".join(f"{name} {count:,}" for name, count in each["traces"].items())
        row = "the row" if each["row"] else "no row"
        output.line(f"{each['table']}: {row}; {found}")
    if done["backups"]:
        output.table(done["backups"], ["backup_id", "table", "rewritten_to", "problem"])
    if left:
        hold = "holds" if len(left) == 1 else "hold"
        output.note(
            f"HINT: {counted(len(left), 'backup')} still {hold} it: --backups writes them anew"
        )
    if done["in_log"]:
        output.note("the log of the warehouse may hold it until its next checkpoint")
    if done["feed_until"] is not None:
        output.note(f"changes up to sequence {done['feed_until']} of the lake may hold it")
