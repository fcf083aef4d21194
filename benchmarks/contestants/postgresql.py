"""Two kinds of service on PostgreSQL 15: FastAPI with SQLAlchemy 2, and with asyncpg's COPY.

A private cluster for each run, on a socket in its own folder; whatever is committed is on disk.
"""

import os
import shutil
import subprocess
import tempfile
from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contestants.contestant import BENCHMARKS, PEERS_PYTHON, Contestant, Served
from benchmarks.loading import DEPARTMENTS, JOBS, Target
from benchmarks.processes import Command, Failed, Program, free_port, running, status_of

USER = "bench"
# Durable (the defaults of fsync, full_page_writes and synchronous_commit, said aloud), with room:
# a checkpoint in the middle of a run would be bad luck, replication is not asked for.
SETTINGS = """
listen_addresses = ''
fsync = on
full_page_writes = on
synchronous_commit = on
shared_buffers = 2GB
wal_buffers = 64MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 8GB
checkpoint_timeout = 15min
"""
SCHEMA = f"""
create table departments (id integer primary key, department varchar(255) not null);
create table jobs (id integer primary key, job varchar(255) not null);
create table hired_employees (
    id integer not null,
    name varchar(255) not null,
    datetime timestamptz not null,
    department_id integer not null,
    job_id integer not null
);
insert into departments select i, 'Department ' || i from generate_series(1, {DEPARTMENTS}) as i;
insert into jobs select i, 'Job ' || i from generate_series(1, {JOBS}) as i;
insert into hired_employees
select
    i, 'Name ' || i %% 7919 || ' Surname ' || i %% 104729,
    timestamptz '2021-01-01Z' + (i::bigint * 7907 %% 35510400) * interval '1 second',
    i %% {DEPARTMENTS} + 1, i::bigint * 7 %% {JOBS} + 1
from generate_series(1, %d) as i;
alter table hired_employees
    add primary key (id),
    add foreign key (department_id) references departments,
    add foreign key (job_id) references jobs;
vacuum analyze;
"""


class _OnPostgresql(Contestant, ABC):
    """FastAPI in worker processes of uvicorn, with a cluster behind."""

    data = "postgresql"
    app: str
    driver = "postgresql"
    # Best of 1 to 4 on two cores, where PostgreSQL itself wants more than one of them.
    workers = 2

    def installed(self) -> None:
        """Finds PostgreSQL 15, or installs it where that is allowed."""
        super().installed()
        if _find() is not None:
            return
        if os.geteuid():
            raise Failed("PostgreSQL 15 is missing (Debian 12: sudo apt install postgresql-15)")
        _install()
        if _find() is None:
            raise Failed("PostgreSQL 15 is still missing after its installation")

    def make(self, folder: Path, rows: int) -> None:
        """A cluster with the three tables, their keys and their foreign keys."""
        cluster = folder / "cluster"
        cluster.mkdir()
        if not os.geteuid():
            shutil.chown(cluster, "postgres", "postgres")
        _run("initdb", "-D", cluster, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        with (cluster / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        with _cluster(folder):
            _sql(folder, SCHEMA % rows)

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Served]:
        """Serves a cluster."""
        port = free_port()
        with _cluster(folder) as postmaster:
            program = Program(self._command(port), folder / "log", self._environ(folder))
            with running(program):
                program.wait_for(lambda: status_of(port) is not None, self.title)
                yield Served(Target(port, "/rows"), [program.pid, postmaster])

    def _command(self, port: int) -> Command:
        uvicorn: Command = [PEERS_PYTHON, "-m", "uvicorn", f"{self.app}:app", "--port", str(port)]
        best = ["--loop", "uvloop", "--http", "httptools", "--workers", str(self.workers)]
        return [*uvicorn, *best, "--no-access-log", "--log-level", "warning"]

    def _environ(self, folder: Path) -> dict[str, str]:
        dsn = f"{self.driver}://{USER}@/postgres?host={folder / 'cluster'}"
        return os.environ | {"PG_DSN": dsn, "PYTHONPATH": str(BENCHMARKS / "peers")}

    def count(self, folder: Path) -> int:
        """As the cluster says after it was started again."""
        with _cluster(folder):
            return int(_sql(folder, "select count(*) from hired_employees"))


class SqlAlchemy(_OnPostgresql):
    """With the driver that serves it best."""

    name, title = "sqlalchemy", "FastAPI + SQLAlchemy 2 (asyncpg) + PostgreSQL"
    app, driver = "fastapi_sqlalchemy", "postgresql+asyncpg"


class SqlAlchemyPsycopg(_OnPostgresql):
    """With the driver of PostgreSQL's own project."""

    name, title = "sqlalchemy-psycopg", "FastAPI + SQLAlchemy 2 (psycopg 3) + PostgreSQL"
    app, driver = "fastapi_sqlalchemy", "postgresql+psycopg"


class AsyncpgCopy(_OnPostgresql):
    """The fastest way into PostgreSQL from Python."""

    name, title = "asyncpg", "FastAPI + asyncpg COPY + PostgreSQL"
    app = "fastapi_asyncpg"


@contextmanager
def _cluster(folder: Path) -> Iterator[int]:
    """The cluster's server, under way; answers its process id, and stops it at the exit."""
    cluster = folder / "cluster"
    log = folder / "cluster" / "log"
    options = f"-k '{cluster}'"
    _run("pg_ctl", "start", "-D", cluster, "-o", options, "-l", log, "-w", "-t", "120")
    try:
        yield int((cluster / "postmaster.pid").read_text().split()[0])
    finally:
        _run("pg_ctl", "stop", "-D", cluster, "-m", "fast", "-w", "-t", "300")


def _sql(folder: Path, statements: str) -> str:
    """What the last statement answers."""
    connection: Command = ["-h", folder / "cluster", "-U", USER, "-d", "postgres"]
    return _run("psql", *connection, "-qtAX", "-v", "ON_ERROR_STOP=1", given=statements)


def _run(program: str, *arguments: str | Path, given: str = "") -> str:
    """Runs a program of PostgreSQL, which refuses to be root."""
    found = _find()
    assert found is not None
    as_postgres = [] if os.geteuid() else ["runuser", "-u", "postgres", "--"]
    with tempfile.TemporaryFile("w+") as said:  # no pipes: a server that was started keeps them
        done = subprocess.run(
            [*as_postgres, found / program, *arguments],
            input=given,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",  # where the user postgres may be
        )
        said.seek(0)
        printed = said.read()
    if done.returncode:
        raise Failed(f"{program} ended with code {done.returncode}: {printed}")
    return printed


def _find() -> Path | None:
    """Where PostgreSQL 15's programs are: Debian's place, or in PATH."""
    places = [Path("/usr/lib/postgresql/15/bin"), Path(shutil.which("postgres") or "/").parent]
    for place in places:
        if (place / "postgres").exists() and " 15." in version(place):
            return place
    return None


def version(place: Path | None = None) -> str:
    """What PostgreSQL calls itself; empty when there is none."""
    place = place or _find()
    if place is None:
        return ""
    done = subprocess.run(
        [place / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _install() -> None:
    """Debian's package; the cluster that it would make and start is not wanted."""
    said = Path("/etc/postgresql-common/createcluster.d")
    said.mkdir(parents=True, exist_ok=True)
    (said / "gatehouse-benchmarks.conf").write_text("create_main_cluster = false\n")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ("update", "install -y --no-install-recommends postgresql-15"):
        done = subprocess.run(["apt-get", "-qq", *command.split()], env=quiet, check=False)
        if done.returncode:
            raise Failed(f"apt-get {command} failed; PostgreSQL 15 is needed")
