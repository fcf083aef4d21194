"""`gatehouse tables`: lists the tables and their columns, and begins a new one."""

from pathlib import Path
from typing import Any

import click

from service.cli import completing, output
from service.cli.groups import ListByDefault
from service.cli.invocation import Run, command, segment
from service.runtime.wording import counted


@click.group(cls=ListByDefault, subcommand_metavar="[TABLE] | COMMAND")
def tables() -> None:
    """List the tables, show one (`gatehouse tables TABLE`), or begin one of a file."""


@tables.command("list")
@click.argument("table", required=False, shell_complete=completing.tables)
@command
def list_tables(run: Run, table: str | None) -> None:
    """List the tables, or show the columns and rules of one."""
    with run.connect() as client:
        answer = client.get(f"/v1/tables/{segment(table)}" if table else "/v1/tables")
    if table is None:
        run.show(answer, answer, ["name", "rows", "columns", "primary_key", "description"])
    else:
        _show_table(run, answer)


@tables.command("new")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--name", help="Of the table; else that of the file.")
@click.option("--delimiter", help="Where it is not found out: a character, or tab.")
@click.option("--encoding", help="Such as utf-8 or windows-1252.")
@click.option("--columns", help="The names of the columns, where the file has no header.")
@click.option("--null", multiple=True, help="What stands for no value, such as NA; repeatable.")
@command
def new(run: Run, file: str, name: str | None, **said: Any) -> None:
    """Write a first page of YAML, a model and a seed for the table of FILE.

    Types, a key and references are what the values say; rules are suggested in comments, with the
    share of values that follow them. It is for people to edit. Nothing is ever overwritten.
    """
    from service.cli.sketching import sketched

    made = sketched(run, Path(file), name, said)
    run.show(made, [{"file": path} for path in made["files"]], ["file"])
    if not run.as_json:
        output.line(f"edit {made['files'][0]}, then: gatehouse build")


def _show_table(run: Run, table: dict[str, Any]) -> None:
    if not run.as_json:
        output.line(f"{table['name']}: {counted(table['rows'], 'row')}. {table['description']}")
    columns = [
        {**column, "rules": ", ".join(map(_rule, column["rules"]))} for column in table["columns"]
    ]
    said = ("default", "normalise", "synonyms")  # of few columns
    some = [name for name in said if any(column.get(name) for column in columns)]
    run.show(table, columns, ["name", "type", "nullable", "rules", *some, "description"])


def _rule(rule: dict[str, Any]) -> str:
    arguments = [f"{name}: {value}" for name, value in rule.items() if name != "rule"]
    return f"{rule['rule']} ({', '.join(arguments)})" if arguments else str(rule["rule"])
