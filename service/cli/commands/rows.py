"""`gatehouse rows`: shows rows of a table, changes and removes them, and tells their history."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.cli import completing, consent, output
from service.cli.failures import Refused
from service.cli.groups import ListByDefault
from service.cli.invocation import Run, command, segment
from service.runtime.wording import counted

if TYPE_CHECKING:
    from service.cli.client import Client

ENDINGS = (".csv", ".ndjson", ".json", ".parquet", ".arrow")


@click.group(cls=ListByDefault, subcommand_metavar="TABLE [COLUMN=OP.VALUE]... | COMMAND")
def rows() -> None:
    """Show rows (`gatehouse rows TABLE`), change or remove them, or tell what was done to one."""


@rows.command("list")
@click.argument("table", shell_complete=completing.tables)
@click.argument("filters", nargs=-1, metavar="[COLUMN=OP.VALUE]...")
@click.option("--order", metavar="COLUMNS", help="Such as name.desc,id.")
@click.option("--select", metavar="COLUMNS", help="Only these columns: id,name.")
@click.option("--limit", type=click.IntRange(1), help="How many rows; 100, but all into a file.")
@click.option("--count", is_flag=True, help="Only count the rows that fit.")
@click.option("-o", "--output", "path", metavar="FILE", help="Write it: by its ending, .csv, …")
@command
def list_rows(
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


@rows.command("set")
@click.argument("table", shell_complete=completing.tables)
@click.argument("key")
@click.argument("values", nargs=-1, required=True, metavar="COLUMN=VALUE|COLUMN:=JSON...")
@click.option("--whole", is_flag=True, help="All of the row; it is made where there is none.")
@click.option("--dry-run", is_flag=True, help="Only judge the row that it becomes.")
@command
def set_row(
    run: Run, table: str, key: str, values: tuple[str, ...], whole: bool, dry_run: bool
) -> int:
    """Change columns of the row of TABLE with the primary key KEY.

    A value is read as its column's type; COLUMN:=null takes it away. A JSON document is merged with
    the one that is there, unless --whole is said. The row is judged by every rule as it becomes.
    """
    with run.connect() as client:
        said = client.get(f"/v1/tables/{segment(table)}")
        types = {column["name"]: column["type"] for column in said["columns"]}
        keys = _of_key(said["key"], key, types) if whole else {}
        row = {**keys, **dict(_value(each, types) for each in values)}
        address = f"/v1/tables/{segment(table)}/rows/{segment(key)}"
        try:
            answer = client.send(
                "PUT" if whole else "PATCH", address, params=_dry(dry_run), json=row
            ).json()
        except Refused as error:
            if "rejections" not in error.problem:
                raise
            return _show_reasons(run, error)
    _show_change(run, table, answer)
    return 0


def _of_key(names: list[str], key: str, types: dict[str, str]) -> dict[str, Any]:
    """The columns of the primary key, of a key as it is written in an address."""
    from service.dictionary.combined_columns import split  # it takes long to import

    texts = split(key) if len(names) > 1 else [key]
    if len(texts) != len(names):
        raise click.UsageError(f"KEY has the parts {','.join(names)}, with commas between")
    return {name: _typed(text, types[name]) for name, text in zip(names, texts, strict=True)}


def _value(said: str, types: dict[str, str]) -> tuple[str, Any]:
    name, equals, text = said.partition("=")
    if not equals:
        raise click.UsageError(f"{said} is no COLUMN=VALUE")
    if not name.endswith(":"):
        return name, _typed(text, types.get(name, "varchar"))
    try:
        return name[:-1], json.loads(text)
    except ValueError:
        raise click.UsageError(f"{said}: behind := stands JSON") from None


def _typed(text: str, type_name: str) -> Any:
    """The value that a text is; where it is none of the type, the service says so."""
    if type_name not in ("tinyint", "smallint", "integer", "bigint", "double", "boolean"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _dry(dry_run: bool) -> dict[str, Any]:
    return {"dry_run": "true"} if dry_run else {}


def _show_reasons(run: Run, error: Refused) -> int:
    if run.as_json:
        output.print_json(error.problem)
    else:
        [rejected] = error.problem["rejections"]
        output.table(rejected["violations"], ["column", "rule", "message"])
        output.note(error.problem["detail"])
    return error.code


def _show_change(run: Run, table: str, answer: dict[str, Any]) -> None:
    if run.as_json:
        output.print_json(answer)
    else:
        output.line(output.count_line(table, answer))


@rows.command("delete")
@click.argument("table", shell_complete=completing.tables)
@click.argument("key", required=False)
@click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=OP.VALUE",
    help="Instead of KEY: all rows that fit all of these filters.",
)
@click.option("--dry-run", is_flag=True, help="Only say how many rows would go.")
@consent.yes_option
@command
def delete_rows(
    run: Run, table: str, key: str | None, where: tuple[str, ...], dry_run: bool, yes: bool
) -> None:
    """Remove the row of TABLE with the primary key KEY, or the rows that fit filters.

    Rows that others refer to stay. What was removed stays in the history of the row.
    """
    if (key is None) == (not where):
        raise click.UsageError("name either a KEY or filters, by --where")
    if not dry_run:
        consent.require(yes, f"gatehouse rows delete {table} …")
    address = f"/v1/tables/{segment(table)}/rows" + (f"/{segment(key)}" if key else "")
    filters = _by_column(where)
    with run.connect() as client:
        plan = client.send("DELETE", address, params={**filters, **_dry(True)}).json()
        if dry_run:
            _show_change(run, table, _counted(plan))
            return
        if not yes:
            consent.confirm(f"Remove {counted(plan['removed'], 'row')} of {table}?")
        # No more than were counted, should others have come meanwhile.
        most = {"Prefer": f"max-affected={plan['removed']}"} if where else {}
        answer = client.send("DELETE", address, most, params=filters).json()
    _show_change(run, table, _counted(answer))


def _counted(answer: dict[str, Any]) -> dict[str, Any]:
    return {"accepted": 0, "rejected": 0, "already_present": 0, **answer}


@rows.command()
@click.argument("table", shell_complete=completing.tables)
@click.argument("key")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def history(run: Run, table: str, key: str, limit: int) -> None:
    """Tell what was done to the row of TABLE with the primary key KEY, newest first."""
    address = f"/v1/tables/{segment(table)}/rows/{segment(key)}/history"
    with run.connect() as client:
        found = client.pages(address, "changes", limit)
    shown = [{**each, "what": _differing(each)} for each in found]
    run.show(found, shown, ["changed_at", "operation", "what", "actor", "kind", "load_id"])


def _differing(change: dict[str, Any]) -> str:
    """The columns whose values have changed: name 'Ada' became 'Ada B.'."""
    before, after = change["before"] or {}, change["after"] or {}
    if not (before and after):
        return json.dumps(before or after, ensure_ascii=False)
    return ", ".join(
        f"{name} {json.dumps(old, ensure_ascii=False)}"
        f" became {json.dumps(after.get(name), ensure_ascii=False)}"
        for name, old in before.items()
        if old != after.get(name)
    )
