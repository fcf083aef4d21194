"""What one meets first: the help, wrong settings, nobody there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli import commands, main
from service.cli.commands.backups import backups
from service.cli.commands.builds import builds
from service.cli.commands.dictionary import dictionary
from service.cli.commands.hooks import hooks
from service.cli.commands.keys import keys
from service.cli.commands.lake import lake
from service.cli.commands.loads import loads
from service.cli.commands.rejections import rejections
from service.cli.commands.rows import rows
from service.cli.commands.tables import tables

EVERY = {
    **{
        name: each
        for name, each in main.commands.items()
        if each not in (keys, backups, hooks, lake, rows, tables)
    },
    **{f"backups {name}": command for name, command in backups.commands.items()},
    **{f"rejections {name}": command for name, command in rejections.commands.items()},
    **{f"dictionary {name}": command for name, command in dictionary.commands.items()},
    **{f"builds {name}": command for name, command in builds.commands.items()},
    **{f"loads {name}": command for name, command in loads.commands.items()},
    **{f"lake {name}": command for name, command in lake.commands.items()},
    **{f"tables {name}": command for name, command in tables.commands.items()},
    **{f"keys {name}": command for name, command in keys.commands.items()},
    **{f"rows {name}": command for name, command in rows.commands.items()},
    **{f"hooks {name}": command for name, command in hooks.commands.items()},
}


def test_the_help_comes_at_once_and_says_the_exit_codes():
    def taken(*arguments):
        """Seconds of CPU, and what was said: what else the machine does is no matter."""
        before = sum(os.times()[2:4])
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=True
        )
        return sum(os.times()[2:4]) - before, done.stdout

    two_libraries, _ = taken("-c", "import duckdb, httpx")
    helps = [taken("-m", "service.cli", "--help") for _ in range(2)]
    assert min(seconds for seconds, _ in helps) < two_libraries
    assert "Exit codes:" in helps[0][1]


def test_nothing_heavy_is_imported_before_a_command_runs():
    code = "import sys, service.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"httpx", "rich", "litestar", "duckdb", "pyarrow", "structlog", "dbt", "msgspec"}
    assert not heavy & set(done.stdout.split())


def test_the_app_imports_no_library_that_only_others_use():
    code = (
        "import sys\n"
        "from service.app import create_app\n"
        "from service.runtime.settings import Settings\n"
        "create_app(Settings()); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pydantic", "dbt"} & set(done.stdout.split())


def test_every_command_is_a_file_of_its_name():
    [folder] = commands.__path__
    assert {path.stem for path in Path(folder).glob("[a-z]*.py")} == set(main.commands)


@pytest.mark.parametrize("name", EVERY)
def test_every_command_says_what_it_does_and_speaks_json(name):
    assert EVERY[name].help
    options = {option for parameter in EVERY[name].params for option in parameter.opts}
    assert "--json" in options
    on_the_machine = {"completion", "dbt", "serve", "recover", "keys disable"}
    on_the_machine |= {"backups adopt", "lake adopt"}
    assert ("--url" in options) == (name not in on_the_machine)


@pytest.mark.parametrize("module", ["service", "service.cli"])
def test_the_package_runs_as_a_command_too(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("gatehouse, version ")


def test_a_wrong_setting_is_named_and_exits_2(alone):
    answer = alone("tables", GATEHOUSE_PORT="http")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines() == [
        "error: GATEHOUSE_PORT is 'http', but takes a whole number from 0 to 65535",
        "HINT: docs/settings.md explains every setting",
    ]


def test_a_wrong_url_exits_2(alone):
    answer = alone("tables", "--url", "localhost:8000")
    assert answer.code == 2
    assert "localhost:8000 does not start with http:// or https://" in answer.err


def test_a_service_that_does_not_answer_exits_3(alone):
    answer = alone("tables", "--url", "http://127.0.0.1:9", "--json")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.startswith("error: no service answers at http://127.0.0.1:9\nHINT: ")


def test_a_warehouse_that_is_not_built_exits_3_and_names_the_command(alone, settings):
    settings.warehouse.unlink()
    answer = alone("tables")
    assert (answer.code, answer.out) == (3, "")
    assert "`gatehouse build`" in answer.err
