"""`gatehouse loads`: lists the loads, shows and cancels one."""

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, is_of_subcommand, segment

KINDS = ("history", "file", "batch", "replay", "restore", "change", "erasure")
STATUSES = ("running", "done", "refused", "failed")


@click.group(invoke_without_command=True)
@click.option("--table", help="Only loads of this table.", shell_complete=completing.tables)
@click.option("--kind", type=click.Choice(KINDS), help="Only loads of this kind.")
@click.option("--status", type=click.Choice(STATUSES), help="Only loads that are so.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def loads(run: Run, limit: int, **only: str | None) -> None:
    """List the loads and their counts, newest first."""
    if is_of_subcommand(run):
        return
    with run.connect() as client:
        found = client.pages("/v1/loads", "loads", limit, **only)
    columns = ["load_id", "kind", "table", "status", "received", "accepted", "rejected"]
    columns += ["already_present", "changed", "removed", "started_at", "source"]
    run.show_entries(found, found, columns, _told)


def _told(load: output.Row) -> list[str]:
    moment = load["started_at"].split(".")[0].rstrip("Z") + "Z"
    counts = output.count_line(load["table"] or ", ".join(load.get("tables", ())), load)
    source = [f"from {load['source']}"] if load["source"] else []
    return [f"{load['load_id']}  {moment}  {load['kind']}  {load['status']}", counts, *source]


@loads.command()
@click.argument("load_id", shell_complete=completing.loads)
@command
def show(run: Run, load_id: str) -> None:
    """Show one load, and how far it is."""
    with run.connect() as client:
        found = client.get(f"/v1/loads/{segment(load_id)}")
    if run.as_json:
        output.print_json(found)
        return
    for text in _told(found):
        output.line(text)
    if progress := found.get("progress"):
        output.line(f"{progress['phase']}: {progress['bytes']:,} of {progress['of_bytes']:,} bytes")
    if found["detail"]:
        output.line(found["detail"])
    if found["rejected"]:
        output.note(f"HINT: `gatehouse rejections --load {load_id}` says why rows were kept out")
    if found["warned"]:
        output.note(
            f"HINT: `gatehouse warnings --load {load_id}` lists {found['warned']:,} of them"
        )


@loads.command()
@click.argument("load_id", shell_complete=completing.running_loads)
@command
def cancel(run: Run, load_id: str) -> None:
    """Have the load of a file, or a replay, end soon, as failed; rows that it brought in stay."""
    with run.connect() as client:
        client.delete(f"/v1/loads/{segment(load_id)}")
    if run.as_json:
        output.print_json({"load_id": load_id, "status": "cancelled"})
    else:
        output.line(f"cancelled {load_id}; it ends soon")
