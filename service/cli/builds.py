"""A build for commands: by the service where one runs, else in this process."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from service.cli import output
from service.cli.failures import Failure, Unreachable
from service.cli.interruptions import offering, passed_on
from service.cli.invocation import Run, segment
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client
    from service.runtime.settings import Settings

Result = dict[str, Any]
POLL_SECONDS = 0.5
UNFINISHED = ("queued", "running")


def build_and_tell(run: Run, allowed: Sequence[str] = ()) -> Result:
    """Builds; without --json, shows each node as it finishes, and then what was loaded.

    What is `allowed` may be lost where the dictionary has changed.

    Raises:
        Failure: dbt failed; its messages are shown first.
    """
    from service.runtime.running import find

    if run.url or find(run.settings):
        with run.connect() as client:
            result = asked(client, _tell_node(run), allowed)
    else:
        with output.progress("building"):
            result = _here(run.settings, _tell_node(run), allowed)
    if not run.as_json:
        for warning in result["warnings"]:
            output.note(f"warning: {warning}")
    if result["status"] != "done":
        _fail(run, result)
    with run.connect() as client:
        result |= _loaded(client, datetime.fromisoformat(result["started_at"]))
    if not run.as_json:
        _tell_loads(result)
    return result


def build_on_spark_and_tell(run: Run, allowed: Sequence[str] = ()) -> Result:
    """Builds on Spark in this process; shows what is landed, and each node as it finishes.

    Raises:
        Failure: something is missing, or dbt failed; its messages are shown first.
    """
    import msgspec

    from service.cli.inside import quieten
    from service.dbt.cancelling import Cancel
    from service.spark.building import build_on_spark

    quieten(run.settings)
    cancel, tell = Cancel(), _tell_node(run)
    say = (lambda text: None) if run.as_json else output.line
    stays = "was cancelled; the next one makes whole what it had come to"
    with (
        output.progress("building on Spark"),
        offering("the build", stays),
        passed_on(lambda: cancel.ask("cancelled: it was interrupted")),
    ):
        done = build_on_spark(
            run.settings,
            lambda node: tell(msgspec.to_builtins(node)),
            say,
            cancel,
            allowed=allowed,
        )
    result: Result = msgspec.to_builtins(done)
    if result["status"] != "done":
        _fail(run, result)
    return result


def asked(
    client: "Client",
    on_node: Callable[[Result], None],
    allowed: Sequence[str] = (),
    dry_run: bool = False,
) -> Result:
    """Has the service build, and follows the build until it has ended."""
    said = {"allow": ",".join(allowed)} if allowed else {}
    said |= {"dry_run": "true"} if dry_run else {}
    build_id = client.post("/v1/builds", **said)["build_id"]
    path = f"/v1/builds/{segment(build_id)}"
    goes_on = f"goes on at the service: `gatehouse builds show {build_id}` says how far it is"
    with (
        offering("the build", goes_on, lambda: client.delete(path)),
        output.progress("building") as step,
    ):
        return _followed(client, path, on_node, step)


def _followed(
    client: "Client", path: str, on_node: Callable[[Result], None], step: Callable[..., None]
) -> Result:
    told = 0
    while True:
        result: Result = client.get(path)
        for node in result["nodes"][told:]:
            on_node(node)
            step(1, result["progress"]["total"])
        told = len(result["nodes"])
        if result["status"] not in UNFINISHED:
            return result
        time.sleep(POLL_SECONDS)


def _here(
    settings: "Settings", on_node: Callable[[Result], None], allowed: Sequence[str]
) -> Result:
    """Builds in this process, since no service runs."""
    import msgspec

    from service.cli.inside import losses_here, quieten
    from service.dbt.cancelling import Cancel
    from service.dbt.runner import build_offline
    from service.runtime.interpreter import collect_less
    from service.warehouse.losses import HINT

    quieten(settings)
    if losses := losses_here(settings):
        raise Failure("; ".join(losses.described()), HINT)
    collect_less()  # dbt makes a million objects
    cancel = Cancel()
    stays = "was cancelled; the tables that it had come to stay as it left them"
    why = "cancelled: it was interrupted"
    with offering("the build", stays), passed_on(lambda: cancel.ask(why)):
        done = build_offline(
            settings, lambda node: on_node(msgspec.to_builtins(node)), cancel, allowed
        )
    if "Could not set lock on file" in (done.message or ""):
        raise Unreachable(f"another process has {settings.warehouse} open")
    result: Result = msgspec.to_builtins(done)
    times = {name: f"{result[name]}Z" for name in ("started_at", "finished_at")}  # as HTTP says it
    return result | times


def _tell_node(run: Run) -> Callable[[Result], None]:
    def tell(node: Result) -> None:
        failures = f", {counted(node['failures'], 'failure')}" if node.get("failures") else ""
        output.line(
            f"{node['status']:8} {node['kind']:10} {node['name']} ({node['seconds']} s{failures})"
        )

    return (lambda node: None) if run.as_json else tell


def _fail(run: Run, result: Result) -> None:
    if run.as_json:
        output.print_json(result)
    output.message(result.get("message"))
    raise Failure("the build failed", "what was there before is still there")


def _loaded(client: "Client", began: datetime) -> Result:
    """Row counts of the tables, and the loads of history since `began`."""
    loads = client.pages("/v1/loads", "loads", 1000, kind="history")
    return {
        "tables": {table["name"]: table["rows"] for table in client.get("/v1/tables")},
        "loads": [load for load in loads if datetime.fromisoformat(load["started_at"]) >= began],
    }


def _tell_loads(result: Result) -> None:
    loads = {load["table"]: load for load in result["loads"]}
    for table, rows in result["tables"].items():
        if load := loads.get(table):
            output.line(output.count_line(table, load))
        else:
            output.line(f"{table} {counted(rows, 'row')} (no new history)")
