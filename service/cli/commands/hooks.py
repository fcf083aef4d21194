"""`gatehouse hooks`: who is told what happened, whether they were, and a message to try it."""

import time
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, segment

if TYPE_CHECKING:
    from service.cli.client import Client

COLUMNS = ["name", "by", "receiver", "on", "waiting", "delivered", "failed"]
OF_DELIVERIES = ["delivery_id", "kind", "status", "happened_at", "attempts", "http_status", "error"]
STATUSES = click.Choice(["waiting", "delivered", "failed"])
LOOK_SECONDS = 0.2


@click.group()
def hooks() -> None:
    """Show who is told what happened; docs/hooks.md says how to name them."""


@hooks.command("list")
@command
def list_hooks(run: Run) -> None:
    """List the hooks of hooks.yml, and how much waits for them."""
    with run.connect() as client:
        found = client.get("/v1/hooks")["hooks"]
    run.show(found, [{**each, "on": " ".join(each["on"])} for each in found], COLUMNS)


@hooks.command()
@click.argument("name", shell_complete=completing.hooks)
@click.option("--status", type=STATUSES)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def deliveries(run: Run, name: str, status: str | None, limit: int) -> None:
    """List what a hook was told, or is to be, newest first."""
    path = f"/v1/hooks/{segment(name)}/deliveries"
    with run.connect() as client:
        found = client.pages(path, "deliveries", limit, status=status)
    run.show(found, found, OF_DELIVERIES)


@hooks.command()
@click.argument("name", shell_complete=completing.hooks)
@click.option("--wait", default=15.0, show_default=True, help="Seconds to wait for the answer.")
@command
def test(run: Run, name: str, wait: float) -> int:
    """Send a message that says that nothing happened; exits with 1 if it does not arrive."""
    with run.connect() as client:
        return _followed(run, client, client.post(f"/v1/hooks/{segment(name)}/test"), wait)


@hooks.command()
@click.argument("name", shell_complete=completing.hooks)
@click.argument("delivery_id")
@click.option("--wait", default=15.0, show_default=True, help="Seconds to wait for the answer.")
@command
def redeliver(run: Run, name: str, delivery_id: str, wait: float) -> int:
    """Send a message again, under the same id; exits with 1 if it does not arrive."""
    path = f"/v1/hooks/{segment(name)}/deliveries/{segment(delivery_id)}/redeliver"
    with run.connect() as client:
        return _followed(run, client, client.post(path), wait)


def _followed(run: Run, client: "Client", put: dict[str, Any], wait: float) -> int:
    """Waits for the first attempt; returns the exit code."""
    path = f"/v1/hooks/{segment(put['hook'])}/deliveries/{segment(put['delivery_id'])}"
    until = time.monotonic() + (0 if client.is_here else wait)  # a command tells nobody itself
    found = put
    while not found["attempts"] and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        found = client.get(path)
    if run.as_json:
        output.print_json(found)
    elif found["status"] == "delivered":
        output.line(f"delivered {found['delivery_id']}")
    elif found["attempts"]:
        output.line(f"not delivered {found['delivery_id']}: {found['error']}")
    else:
        output.line(f"waiting {found['delivery_id']}: the service sends it")
    return int(found["status"] != "delivered")
