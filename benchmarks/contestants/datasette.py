"""Datasette's JSON insert API on SQLite: WAL, synchronous=full, foreign keys on."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.contestants.contestant import BENCHMARKS, PEERS_PYTHON, Contestant, Served
from benchmarks.loading import DEPARTMENTS, JOBS, Target
from benchmarks.processes import Command, Program, free_port, running, status_of

SCHEMA = f"""
pragma journal_mode = wal;
create table departments (id integer primary key, department text not null);
create table jobs (id integer primary key, job text not null);
create table hired_employees (
    id integer primary key,
    name text not null,
    datetime text not null,
    department_id integer not null references departments,
    job_id integer not null references jobs
);
with recursive n (i) as (select 1 union all select i + 1 from n where i < {DEPARTMENTS})
insert into departments select i, 'Department ' || i from n;
with recursive n (i) as (select 1 union all select i + 1 from n where i < {JOBS})
insert into jobs select i, 'Job ' || i from n;
with recursive n (i) as (select 1 union all select i + 1 from n where i < %d)
insert into hired_employees
select
    i, 'Name ' || i %% 7919 || ' Surname ' || i %% 104729,
    strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', 1609459200 + i * 7907 %% 35510400, 'unixepoch'),
    i %% {DEPARTMENTS} + 1, i * 7 %% {JOBS} + 1
from n;
"""
CONFIGURATION = {
    "databases": {"bench": {"permissions": {"insert-row": True}}},
    "settings": {"max_insert_rows": 1000, "max_post_body_bytes": 0, "cache_size_kb": 65_536},
}


class Datasette(Contestant):
    """As `datasette serve` runs it, one process."""

    name, title = "datasette", "Datasette insert API + SQLite"

    def make(self, folder: Path, rows: int) -> None:
        """A database with the three tables, their keys and their foreign keys."""
        with closing(sqlite3.connect(folder / "bench.db")) as connection:
            connection.executescript(SCHEMA % rows)
        (folder / "datasette.json").write_text(json.dumps(CONFIGURATION))

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Served]:
        """Serves the database."""
        port = free_port()
        files: Command = [folder / "bench.db", "--config", folder / "datasette.json"]
        plugins: Command = ["--plugins-dir", BENCHMARKS / "peers" / "datasette_plugins"]
        command: Command = [
            PEERS_PYTHON,
            "-m",
            "datasette",
            "serve",
            *files,
            *plugins,
            "-p",
            str(port),
        ]
        program = Program(command, folder / "log")
        with running(program):
            program.wait_for(lambda: status_of(port, "/-/versions.json") is not None, self.title)
            path = "/bench/hired_employees/-/insert"
            yield Served(Target(port, path, ('{"rows":', "}")), [program.pid])

    def count(self, folder: Path) -> int:
        """As the file says."""
        with closing(sqlite3.connect(folder / "bench.db")) as connection:
            found = connection.execute("select count(*) from hired_employees").fetchall()
            return int(found[0][0])
