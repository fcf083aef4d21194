"""What keys that are narrowed to tables or deeds may ask for: the one place that says so.

Each call that such a key may make stands in SCOPES, by its operation id, with the deeds that it is
and how the tables are found that it concerns. Whatever is not there is refused: a call that no one
has thought of shows nothing. A list has to name its table, since one that silently left rows out
would not say how things are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from litestar import Request

from service.access.roles import DEEDS, Deed, may
from service.api.http.authentication import CALLER, Caller
from service.errors import Forbidden, NotFound
from service.gate import Gate
from service.ops import queries
from service.ops.records import LoadRecord as Load


@dataclass(frozen=True)
class Asked:
    """What a request says of what it is about: by its path and its query."""

    path: Mapping[str, Any]
    query: Sequence[tuple[str, str]]


Tables: TypeAlias = Callable[[Gate, Asked], Iterable[str]]


@dataclass(frozen=True)
class CallScope:
    """One of `deeds` is needed, and all of the `tables`."""

    deeds: tuple[Deed, ...]
    tables: Tables


def _none(_gate: Gate, _asked: Asked) -> Iterable[str]:
    """It says nothing of rows; or its handler checks, since the tables are in the body."""
    return ()


def _of_path(_gate: Gate, asked: Asked) -> Iterable[str]:
    return [asked.path["table"]]


def _of_query(_gate: Gate, asked: Asked) -> Iterable[str]:
    named = [value for name, value in asked.query if name == "table"]
    if not named:
        raise Forbidden("this key is for some tables: name one of them, as ?table=…")
    return named


def _related(gate: Gate, asked: Asked) -> Iterable[str]:
    """The table, those that it refers to, and those that refer to it."""
    table = gate.table(asked.path["table"])
    return [table.name, *table.parents, *(t.name for t, _ in gate.dictionary.children(table.name))]


def _of_load(gate: Gate, asked: Asked) -> Iterable[str]:
    load_id = asked.path["load_id"]
    file = gate.loads.get(load_id)
    if file is not None:
        return [file.file.table_name]
    with gate.database.reading() as connection:
        return [entry.table_name for entry in queries.load(connection, load_id)]


def _of_rejection(gate: Gate, asked: Asked) -> Iterable[str]:
    return tables_of_rejections(gate, [asked.path["rejection_id"]])


def _of_backup(gate: Gate, asked: Asked) -> Iterable[str]:
    return [gate.catalogue.get(asked.path["backup_id"]).table]


def _of_report(gate: Gate, asked: Asked) -> Iterable[str]:
    """The tables of record that a report is made of, whatever is between."""
    name, dictionary = asked.path["name"], gate.dictionary
    report = dictionary.reports.get(name) or dictionary.reports.get(PurePosixPath(name).stem)
    if report is None:
        raise NotFound("there is no such report")
    found, waiting = set[str](), [report.model]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            mart = dictionary.marts.get(model)
            waiting += mart.made_of if mart else ()
    # What is neither a table nor a mart (a source, say) is no table that a key could name.
    return found - dictionary.marts.keys()


def _scopes() -> Mapping[str, CallScope]:
    reads: Mapping[Tables, Sequence[str]] = {
        _none: ("show_index", "read_schema"),
        _of_path: (
            *("show_table", "show_table_schema", "list_rows", "show_row", "list_facets"),
            "show_row_history",
            "list_backups_of_table",
        ),
        _related: ("list_references",),
        _of_query: (
            *("list_loads", "list_rejections", "group_rejections", "summarize_rejections"),
            "list_warnings",
        ),
        _of_rejection: ("show_rejection",),
        _of_backup: ("show_backup", "read_backup_file"),
        _of_report: ("show_report",),
    }
    changes: Mapping[str, CallScope] = {
        "insert_rows": CallScope(("insert",), _of_path),
        "insert_rows_of_tables": CallScope(("insert",), _none),
        "load_file": CallScope(("insert",), _of_path),
        "show_load": CallScope(("read", "insert", "replay"), _of_load),
        "cancel_load": CallScope(("insert", "replay"), _of_load),
        "replay_rejection": CallScope(("replay",), _of_rejection),
        "replay_rejections": CallScope(("replay",), _none),
        "put_row": CallScope(("change",), _of_path),
        "patch_row": CallScope(("change",), _of_path),
        "delete_row": CallScope(("change",), _of_path),
        "delete_rows": CallScope(("change",), _of_path),
        "dismiss_rejection": CallScope(("dismiss",), _of_rejection),
        "dismiss_rejections": CallScope(("dismiss",), _of_query),
        "back_up_table": CallScope(("backup",), _of_path),
        "verify_backup": CallScope(("backup",), _of_backup),
        "delete_backup": CallScope(("backup",), _of_backup),
        "restore_table": CallScope(("restore",), _of_path),
    }
    of_reads = {name: CallScope(("read",), find) for find, names in reads.items() for name in names}
    return {**of_reads, **changes}


SCOPES = _scopes()
OF_ANYONE = frozenset(SCOPES[name] for name in ("show_index", "read_schema"))


def check_call(scope: Any, caller: Caller, gate: Gate) -> None:
    """Raises Forbidden where a narrowed key may not make the call; blocks.

    Raises:
        NotFound: what the call is about is not there.
    """
    found = SCOPES.get(str(scope["route_handler"].operation_id))
    if found is None:
        raise Forbidden(f"the key {caller.name} is narrowed, and this call is of the whole")
    if found in OF_ANYONE:
        return
    if caller.only is not None and not set(caller.only) & set(found.deeds):
        deeds = " or ".join(found.deeds)
        raise Forbidden(f"the key {caller.name} may only {_listed(caller.only)}; this is {deeds}")
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if caller.tables is not None:
        _check(caller, found.tables(gate, Asked(scope["path_params"], query)))


def check_tables(request: Request[Any, Any, Any], tables: Iterable[str] | None) -> None:
    """For calls whose body says which tables they concern; None: all.

    Raises:
        Forbidden: the request's key is narrowed, and one of them is not among its tables.
    """
    caller: Caller | None = request.scope.get(CALLER)  # type: ignore[assignment]
    if caller is None or caller.tables is None:
        return
    if tables is None:
        raise Forbidden("this key is for some tables: name one of them, as ?table=…")
    _check(caller, tables)


def may_do(request: Request[Any, Any, Any], deed: Deed) -> bool:
    """Whether the request's key may do a deed, too, which its call is not always."""
    caller: Caller | None = request.scope.get(CALLER)  # type: ignore[assignment]
    if caller is None:
        return True
    return may(caller.role, DEEDS[deed]) and (caller.only is None or deed in caller.only)


def check_deed(request: Request[Any, Any, Any], deed: Deed) -> None:
    """Raises Forbidden where the request's key may not do that deed."""
    if not may_do(request, deed):
        needs = DEEDS[deed]
        raise Forbidden(f"this takes the role {needs}, and a key that may {deed}", needs=needs)


def tables_of_rejections(gate: Gate, rejection_ids: Sequence[str]) -> set[str]:
    """The tables whose rows they are; of an id that there is not, none."""
    with gate.database.reading() as connection:
        found = connection.execute(
            "select distinct table_name from ops.rejections where rejection_id in"
            " (select unnest(?::varchar[]))",
            [list(rejection_ids)],
        )
        return {table for (table,) in found.fetchall()}


def of_its_tables(request: Request[Any, Any, Any], entries: Sequence[Load]) -> Sequence[Load]:
    """Those entries of a load that are of tables which the request's key is for."""
    caller: Caller | None = request.scope.get(CALLER)  # type: ignore[assignment]
    if caller is None or caller.tables is None:
        return entries
    return [entry for entry in entries if entry.table_name in caller.tables]


def _check(caller: Caller, tables: Iterable[str]) -> None:
    allowed = caller.tables or ()
    if not set(tables) <= set(allowed):
        raise Forbidden(f"the key {caller.name} is for {_listed(allowed)} alone")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
