"""A dbt project of a test's own: a copy that may be changed, with a history and a warehouse."""

import json
import os
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from service.dbt.runner import BuildResult, build_offline, parse, run
from service.dbt.writers_lock import NoLock
from service.runtime.locations import Location
from service.runtime.settings import Settings
from tests.support import CHECKOUT, parsed
from tests.support.nursery import nursery

CORE = ("+gatehouse.core",)
SITES = """
- name: id
  data_type: integer
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: name
  data_type: varchar
  description: Name.
  data_tests: [not_null]
- name: note
  data_type: varchar
  description: Whatever.
"""
DBT = "from dbt.cli.main import cli; cli(prog_name='dbt')"


class Project:
    """A copy of the project's dbt part in `folder`; its history is empty to begin with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name in ("dbt_project.yml", "profiles.yml"):
            shutil.copy(CHECKOUT / name, folder / name)
        shutil.copytree(CHECKOUT / "dbt_project", folder / "dbt_project")
        self.core = folder / "dbt_project" / "models" / "core"
        self.marts = folder / "dbt_project" / "models" / "marts"
        self.seeds = folder / "history"
        for path in (self.seeds, folder / "seeds", folder / "backups"):
            path.mkdir()
        for model in self.core.glob("*.sql"):
            self._declare(model.stem)
        self.settings = Settings(
            project=folder,
            warehouse=folder / "gatehouse.duckdb",
            backups=Location(folder / "backups"),
            seeds=self.seeds,
            port=0,
        )
        parsed.take_over(self.settings)

    def copied(self, folder: Path) -> "Project":
        """A copy that a test may change: the shipped models, this history and warehouse."""
        copy = Project(folder)
        shutil.copytree(self.seeds, copy.seeds, dirs_exist_ok=True)
        shutil.copy(self.settings.warehouse, copy.settings.warehouse)
        return copy

    def leave_out_marts(self) -> None:
        """For builds by a service, which are of everything that there is."""
        shutil.rmtree(self.marts)
        (self.marts.parent / "exposures.yml").unlink()  # reports are made of them

    def write(self, table: str, content: str | bytes) -> None:
        """Makes `content` the history file of a table, to the byte."""
        content = content.encode() if isinstance(content, str) else content
        (self.seeds / f"{table}.csv").write_bytes(content)

    def append(self, table: str, *lines: str) -> None:
        """Adds lines to the history file of a table."""
        with (self.seeds / f"{table}.csv").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def model(
        self,
        name: str,
        columns: str,
        parents: str = "",
        about: str = "",
        csv: str = "",
        **meta: str,
    ) -> None:
        """Adds a table of record; `columns` is the YAML under `columns:`, `csv` of `meta: csv:`, as
        the other members of `meta`.
        """
        refs = ", ".join(f"ref('{parent}')" for parent in parents.split())
        call = f"parents=[{refs}]" if refs else ""
        self._declare(name)
        (self.core / f"{name}.sql").write_text(f"{{{{ table_of_record({call}) }}}}\n")
        said = "\n".join(f"      {line}" for line in columns.strip("\n").splitlines())
        meta |= {"csv": csv} if csv else {}
        members = ", ".join(f"{member}: {value}" for member, value in meta.items())
        (self.core / f"{name}.yml").write_text(
            f"models:\n  - name: {name}\n    description: One row per {about or name}.\n"
            + (f"    config: {{meta: {{{members}}}}}\n" if meta else "")
            + f"    data_tests: [history_accounted_for]\n    columns:\n{said}\n"
        )

    def _declare(self, table: str) -> None:
        """Makes the seed of a table; what stands in it does not count, as `seeds` is elsewhere."""
        seed = self.folder / "seeds" / f"raw_{table}.csv"
        shipped = CHECKOUT / "seeds" / seed.name  # dbt has read it before
        seed.write_bytes(shipped.read_bytes() if shipped.exists() else b"")

    def change(self, model: str, old: str, new: str) -> None:
        """Replaces a piece of the YAML of a table of record, which must be there."""
        path = self.core / f"{model}.yml"
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
        path.write_text(text.replace(old, new))

    def build(
        self, *tables: str, marts: bool = False, allowed: Collection[str] = ()
    ) -> BuildResult:
        """Builds tables of record and tests them, all if none is named; the build must be done.

        With `marts` it builds all, as `gatehouse build` does where no service runs.
        """
        if marts:
            build = build_offline(self.settings, allowed=allowed)
        else:
            build = self._build_core(*tables, allowed=allowed)
        assert build.status == "done", build.message
        return build

    def leave_out_tables(self) -> None:
        """Those that are shipped, for tests of tables of their own, which come after this.

        dbt cannot see by itself that two tables are gone of which one refers to the other, and
        reads everything anew: that is kept for the next project.
        """
        self.leave_out_marts()
        for model in self.core.glob("*.sql"):
            self.remove(model.stem)
        if not parsed.take_over(self.settings, parsed.BARE):
            parse(self.settings)
            parsed.keep(self.settings, parsed.BARE)

    def remove(self, table: str) -> None:
        """Takes a table out of the dictionary; what a warehouse has of it stays."""
        for path in (self.core / f"{table}.sql", self.core / f"{table}.yml"):
            path.unlink()
        (self.folder / "seeds" / f"raw_{table}.csv").unlink()
        (self.seeds / f"{table}.csv").unlink(missing_ok=True)

    def build_fails(self, *tables: str, allowed: Collection[str] = ()) -> BuildResult:
        """Builds tables of record, all if none is named; the build must fail."""
        build = self._build_core(*tables, allowed=allowed)
        assert build.status == "failed"
        return build

    def _build_core(self, *tables: str, allowed: Collection[str] = ()) -> BuildResult:
        build = BuildResult("core", "queued", allowed=tuple(allowed))
        chosen = [name for table in tables for name in (f"raw_{table}", table)]
        what = ("build", "--select", *(chosen or CORE))
        run(self.settings, build, NoLock(), lambda node: None, what=what)
        return build

    def failing(self, select: str) -> set[str]:
        """The data tests that fail, of those that `dbt test --select` takes."""
        said = BuildResult("tests", "queued")
        run(self.settings, said, NoLock(), lambda node: None, what=("test", "--select", select))
        found = {node.name for node in said.nodes if node.status == "fail"}
        assert said.nodes, said.message
        assert bool(found) == (said.status == "failed"), said.message
        return found

    def dbt(
        self, *arguments: str, cwd: Path | None = None, **said: str
    ) -> "subprocess.CompletedProcess[str]":
        """Runs dbt itself, in a process of its own; what is `said` goes into its environment."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("GATEHOUSE", "DBT"))}
        environ |= {
            "GATEHOUSE_WAREHOUSE": str(self.settings.warehouse),
            "GATEHOUSE_SEEDS": str(self.seeds),
            "DBT_TARGET_PATH": str(self.settings.target),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            **said,
        }
        code, out, err = nursery().capture(
            DBT, ["--no-use-colors", *arguments], environ, cwd=cwd or self.folder
        )
        return subprocess.CompletedProcess(arguments, code, out, err)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with duckdb.connect(str(self.settings.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql, list(parameters)).fetchall()

    def last_load(self, table: str) -> tuple[int, ...]:
        """What the last load of a table counts: received, accepted, rejected, already present."""
        return self.query(
            "select received, accepted, rejected, already_present from ops.loads"
            " where table_name = ? order by started_at desc limit 1",
            table,
        )[0]

    def rejections(self, table: str, status: str = "open") -> list[tuple[int, str, str]]:
        """Line, column and rule of every violation of a table's rejected rows."""
        rows = self.query(
            "select position, violations from ops.rejections"
            " where table_name = ? and status = ? order by position",
            table,
            status,
        )
        return [
            (line, each["column"], each["rule"])
            for line, violations in rows
            for each in json.loads(violations)
        ]

    def books(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Everything in core and ops, but for the moment when the dictionary was saved."""
        tables = self.query(
            "select table_schema || '.\"' || table_name || '\"' from information_schema.tables"
            " where table_schema in ('core', 'ops') order by all"
        )
        return {
            name: self.query(
                f"select * {'exclude saved_at' if 'dictionary' in name else ''} from {name}"
                " order by all"
            )
            for (name,) in tables
        }
