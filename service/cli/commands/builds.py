"""`gatehouse builds`: lists the builds of a service, shows and cancels one."""

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, is_of_subcommand, segment

COLUMNS = ["build_id", "status", "started_at", "finished_at", "nodes", "actor", "message"]


@click.group(invoke_without_command=True)
@command
def builds(run: Run) -> None:
    """List the builds since the service was started, newest first."""
    if is_of_subcommand(run):
        return
    with run.connect() as client:
        found = client.get("/v1/builds")["builds"]
    rows = [{**each, "nodes": len(each["nodes"])} for each in found]
    run.show(found, rows, COLUMNS)


@builds.command()
@click.argument("build_id", shell_complete=completing.builds)
@command
def show(run: Run, build_id: str) -> None:
    """Show how far a build is, and what dbt said of each model and test."""
    with run.connect() as client:
        found = client.get(f"/v1/builds/{segment(build_id)}")
    if not run.as_json:
        for name in ("status", "started_at", "finished_at", "message"):
            if found[name] is not None:
                output.line(f"{name.replace('_', ' ')}: {output.cell(found[name])}")
    run.show(found, found["nodes"], ["name", "kind", "status", "seconds", "message"])


@builds.command()
@click.argument("build_id", shell_complete=completing.builds)
@command
def cancel(run: Run, build_id: str) -> None:
    """Have a build that waits or runs end soon, as failed.

    The tables that it had come to stay as it left them: each is built in one transaction.
    """
    with run.connect() as client:
        client.delete(f"/v1/builds/{segment(build_id)}")
    if run.as_json:
        output.print_json({"build_id": build_id, "status": "cancelled"})
    else:
        output.line(f"cancelled {build_id}; it ends soon")
