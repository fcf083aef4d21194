"""Ours, as `gatehouse serve` starts it; it logs warnings only, as the peers do."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sys import executable
from typing import ClassVar

import duckdb

from benchmarks.contestants.contestant import CHECKOUT, Contestant, Served
from benchmarks.loading import Target
from benchmarks.processes import Command, Program, free_port, running, status_of, timed
from seeds import generate

PATH = "/v1/tables/hired_employees/rows"
MORE_HIRES = """
    insert into core.hired_employees
    select
        range,
        'Name ' || range % 7919 || ' Surname ' || range % 104729,
        timestamp '2021-01-01' + interval (range * 7907 % 35510400) second,
        range % 12 + 1,
        range * 7 % 183 + 1
    from range(2, {rows} + 1)
"""
# Connections are uvicorn's from the first byte on; all else is as it is.
UVICORN_ALONE = """
import asyncio
from functools import partial
from service.api.http.server import Server
from service.cli import main

def listen(server, sockets):
    config, loop = server.config, asyncio.get_running_loop()
    state = {"server_state": server.server_state, "app_state": server.lifespan.state}
    connection = partial(config.http_protocol_class, config=config, **state)
    begun = [loop.create_server(connection, sock=each) for each in sockets]
    server.accepting = asyncio.gather(*begun)

Server._listen = listen
main()
"""


def environ(folder: Path) -> dict[str, str]:
    """The environment of a `gatehouse` that has all its files in `folder`."""
    other = ("GATEHOUSE_", "DBT_", "PYTHONDONTWRITEBYTECODE")  # Python keeps what it compiles
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(other)}
    return inherited | {
        "GATEHOUSE_PROJECT": str(CHECKOUT),
        "GATEHOUSE_WAREHOUSE": str(folder / "gatehouse.duckdb"),
        "GATEHOUSE_SEEDS": str(folder / "seeds"),
        "GATEHOUSE_BACKUPS": str(folder / "backups"),
        "GATEHOUSE_LOG_LEVEL": "warning",
        "PYTHONPATH": str(CHECKOUT),
    }


def build(folder: Path) -> tuple[float, float]:
    """Runs `gatehouse build`: its seconds and its peak memory in MB.

    Raises:
        Failed: the build failed.
    """
    command: Command = [executable, "-m", "service", "build", "--json"]
    return timed(command, environ(folder))[:2]


def open_warehouse(folder: Path) -> duckdb.DuckDBPyConnection:
    """The warehouse in `folder`, while no service has it."""
    return duckdb.connect(str(folder / "gatehouse.duckdb"))


def _build_with_one_hire(folder: Path) -> None:
    (folder / "backups").mkdir()
    generate.write_seeds(folder / "seeds", generate.FEWEST_HIRES)
    hires = folder / "seeds" / "raw_hired_employees.csv"
    hires.write_text("".join(hires.read_text().splitlines(keepends=True)[:2]))
    build(folder)


class Gatehouse(Contestant):
    """The service of this checkout."""

    name, title, is_peer = "gatehouse", "Gatehouse", False
    program: ClassVar[Command] = ["-m", "service"]  # what Python is to run

    def make(self, folder: Path, rows: int) -> None:
        """Builds it from a history of one hire, once; more are put into a copy by SQL."""
        if rows == 1:
            _build_with_one_hire(folder)
            return
        shutil.copytree(self._made(1), folder, dirs_exist_ok=True)
        with open_warehouse(folder) as connection:
            connection.execute(MORE_HIRES.format(rows=rows))
            connection.execute("checkpoint")

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Served]:
        """Serves the warehouse in `folder`."""
        port = free_port()
        command: Command = [executable, *self.program, "serve", "--port", str(port)]
        program = Program(command, folder / "log", environ(folder))
        with running(program):
            program.wait_for(lambda: status_of(port, "/health/ready") == 200, self.title)
            yield Served(Target(port, PATH), [program.pid])

    def count(self, folder: Path) -> int:
        """As the file says once the service has let go of it."""
        with open_warehouse(folder) as connection:
            return connection.sql("select count(*) from core.hired_employees").fetchall()[0][0]  # type: ignore[no-any-return]


class UvicornAlone(Gatehouse):
    """The same service behind uvicorn's own connections, which are held against no one."""

    name, title = "uvicorn", "the same behind uvicorn's own connections"
    program: ClassVar[Command] = ["-c", UVICORN_ALONE]

    @property
    def data(self) -> str:
        """Those of the service as it is."""
        return Gatehouse.name
