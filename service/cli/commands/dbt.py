"""`gatehouse dbt …`: dbt on this warehouse; on a copy of it while a service has it open."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli import output
from service.cli.failures import Failure
from service.cli.invocation import Run, local_command, segment

if TYPE_CHECKING:
    from service.runtime.settings import Settings

WRITE = {"build", "clone", "retry", "run", "run-operation", "seed", "snapshot"}
READ = {"compile", "debug", "docs", "show", "source", "test"}
COMMAND = "from dbt.cli.main import cli; cli(prog_name='dbt')"
NEITHER = {"clean", "deps", "init", "list", "ls", "parse"}  # need no warehouse


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    options_metavar="",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND …")
@local_command
def dbt(run: Run, arguments: tuple[str, ...]) -> int:
    """Run dbt on this warehouse: show, test, compile, docs generate …

    What stands behind `dbt` is dbt's own: `gatehouse dbt show --inline "select …"`. While a
    service has the warehouse open, dbt reads a copy of it, made for the command. What writes
    (run, build, seed …) is the service's to do: `gatehouse build`.
    """
    from service.runtime.running import find

    asked = next((each for each in arguments if each in WRITE | READ | NEITHER), None)
    if find(run.settings) is None or asked is None:
        return _dbt(arguments, run.settings, run.settings.warehouse, run.settings.target)
    if asked in WRITE:
        raise Failure(
            f"a service has {run.settings.warehouse.name} open, and `dbt {asked}` writes to it",
            "`gatehouse build` has the service build; to run dbt yourself, stop the service first",
        )
    # dbt keeps what it has read by the warehouse's path: the service's builds must find theirs.
    target = run.settings.target / "of_copies"
    if asked in NEITHER:
        return _dbt(arguments, run.settings, run.settings.warehouse, target)
    with _copied(run) as copy:
        return _dbt(arguments, run.settings, copy, target)


@contextmanager
def _copied(run: Run) -> Iterator[Path]:
    """A copy of the warehouse by the service, for the time of the block."""
    with run.connect() as client:
        made = client.post("/v1/copies")
        output.note(f"dbt reads a copy of the warehouse, taken at {made['taken_at']}")
        try:
            yield Path(made["path"])
        finally:
            client.delete(f"/v1/copies/{segment(made['copy_id'])}")


def _dbt(arguments: Sequence[str], settings: "Settings", warehouse: Path, target: Path) -> int:
    """Runs dbt's own command on a warehouse; its exit code."""
    said = {
        "DBT_PROJECT_DIR": settings.project,
        "DBT_PROFILES_DIR": settings.project,
        "GATEHOUSE_WAREHOUSE": warehouse,
        "GATEHOUSE_SEEDS": settings.seeds,
        "DO_NOT_TRACK": "1",
    }
    if "DBT_TARGET_PATH" not in os.environ:  # which --target-path overrules
        said["DBT_TARGET_PATH"] = target
    if "DBT_LOG_PATH" not in os.environ:  # of dbt's own, in the project, which may be read only
        said["DBT_LOG_PATH"] = target / "logs"
    command = [sys.executable, "-c", COMMAND, *arguments]
    environment = {**os.environ, **{name: str(value) for name, value in said.items()}}
    return subprocess.run(command, env=environment, check=False).returncode
