"""`gatehouse rows`: shows rows of a table, or writes them into a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, output
from service.cli.invocation import Run, command, segment
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client

ENDINGS = (".csv", ".ndjson", ".json", ".parquet", ".arrow")


@click.command()
@click.argument("table", shell_complete=completing.tables)
@click.argument("filters", nargs=-1, metavar="[COLUMN=OP.VALUE]...")
@click.option("--order", metavar="COLUMNS", help="Such as name.desc,id.")
@click.option("--select", metavar="COLUMNS", help="Only these columns: id,name.")
@click.option("--limit", type=click.IntRange(1), help="How many rows; 100, but all into a file.")
@click.option("--count", is_flag=True, help="Only count the rows that fit.")
@click.option("-o", "--output", "path", metavar="FILE", help="Write it: by its ending, .csv, …")
@command
def rows(
    run: Run,
    table: str,
    filters: tuple[str, ...],
    limit: int | None,
    count: bool,
    path: str | None,
    **said: str | None,
) -> None:
    """Show the rows of TABLE that fit all filters.

    A filter is COLUMN=OP.VALUE, as in department_id=in.(1,3) or name=like.A*; operators are eq,
    neq, gt, gte, lt, lte, in, is, like and ilike, with not. before them.
    """
    asked = {name: value for name, value in said.items() if value is not None}
    parameters = {**_by_column(filters), **asked}
    address = f"/v1/tables/{segment(table)}/rows"
    with run.connect() as client:
        if count:
            _count(run, client, address, parameters)
        elif path is not None:
            _write(run, client, address, parameters, limit, path)
        else:
            found = client.pages(address, "rows", limit or 100, **parameters)
            run.show(found, found, list(found[0]) if found else ["no rows"])


def _by_column(filters: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in filters:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.UsageError(f"{each} is no COLUMN=OP.VALUE")
        found.setdefault(name, []).append(value)
    return found


def _count(run: Run, client: "Client", address: str, parameters: dict[str, Any]) -> None:
    headers = {"Prefer": "count=exact"}
    answer = client.send("GET", address, headers, params={**parameters, "limit": 1}).json()
    if run.as_json:
        output.print_json({"rows": answer["count"]})
    else:
        output.line(counted(answer["count"], "row"))


def _write(
    run: Run,
    client: "Client",
    address: str,
    parameters: dict[str, Any],
    limit: int | None,
    path: str,
) -> None:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise click.UsageError(f"-o writes {', '.join(ENDINGS)}")
    asked = {**parameters, **({} if limit is None else {"limit": limit})}
    answer = client.send("GET", f"{address}{ending}", params=asked)
    Path(path).write_bytes(answer.content)
    if run.as_json:
        output.print_json({"file": path, "bytes": len(answer.content)})
    else:
        output.note(f"wrote {path}")
