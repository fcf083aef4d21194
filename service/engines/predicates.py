"""What a predicate of the dictionary may say: it sees one row, and nothing else.

DuckDB parses it; its tree is looked through, and what is not known to be harmless is refused:
tables, subqueries, aggregates, windows, parameters, settings, and functions that have side effects,
that answer differently the next time, or that make as much as they are told to.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
import msgspec

from service.engines.sandbox import sandbox
from service.engines.sql import quoted

Node = Mapping[str, Any]

# Classes of DuckDB's parsed expressions that are made of a row and constants alone.
PLAIN = frozenset(
    {"CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "CASE", "CAST", "BETWEEN", "COLLATE"}
)
REACHES = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window",
    "STAR": "a star",
    "PARAMETER": "a parameter",
    "DEFAULT": "a default",
    "POSITIONAL_REFERENCE": "a column by its place",
}
# What DuckDB does not say of them: they ask for more than their arguments.
ASKING = frozenset(
    {
        *("current_setting", "getvariable", "getenv", "version", "current_localtime"),
        *(
            "current_localtimestamp",
            "parse_duckdb_log_message",
            "vector_type",
            "json_serialize_sql",
        ),
        *("json_serialize_plan", "json_deserialize_sql", "in_search_path"),
    }
)
# As many as an argument says, which no row bounds.
BOUNDLESS = frozenset(
    {
        *("range", "generate_series", "repeat", "lpad", "rpad", "list_resize", "array_resize"),
        *("bar", "format", "printf", "factorial", "enum_range", "enum_range_boundary"),
    }
)
STATEMENT_PARTS = (
    *("where_clause", "having", "sample", "qualify", "group_expressions", "group_sets"),
    "modifiers",
)


class BadPredicate(Exception):
    """What is wrong with a predicate, in words that go behind the rule's name."""


def checked(predicate: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the `columns` that the predicate looks at, in the order of the table.

    `columns` maps those of the table to their types, as DuckDB has them.

    Raises:
        BadPredicate: it is no predicate over one row.
    """
    known = {name.lower(): name for name in columns}
    seen: set[str] = set()
    for name in _looked_at(_tree(predicate), frozenset()):
        if name.lower() not in known:
            raise BadPredicate(f"looks at {name}, which is no column of the table")
        seen.add(known[name.lower()])
    _try(predicate, columns)
    return tuple(name for name in columns if name in seen)


def _try(predicate: str, columns: Mapping[str, str]) -> None:
    """Has DuckDB compile and evaluate it for a row without values."""
    row = ", ".join(f"cast(null as {type_}) as {quoted(name)}" for name, type_ in columns.items())
    query = f"select typeof((\n{predicate}\n)), (\n{predicate}\n) from (select {row})"
    try:
        ((type_name, _),) = sandbox().cursor.execute(query).fetchall()
    except duckdb.Error as error:
        raise BadPredicate(f"cannot be evaluated: {_first_line(error)}") from error
    if type_name not in ("BOOLEAN", '"NULL"', "NULL"):
        raise BadPredicate(f"is {type_name.lower()}, and not true or false")


def _tree(predicate: str) -> Node:
    """The parsed expression; what else a statement could have, there must not be."""
    if not predicate.strip():
        raise BadPredicate("says nothing")
    said = f"select (\n{predicate}\n)"
    parsed = _parsed(said)
    if parsed["error"]:
        raise BadPredicate(f"cannot be parsed: {_first_line(parsed['error_message'])}")
    if len(parsed["statements"]) != 1:
        raise BadPredicate("is several statements")
    node = parsed["statements"][0]["node"]
    plain = (
        node["type"] == "SELECT_NODE"
        and node["from_table"]["type"] == "EMPTY"
        and not any(node[part] for part in STATEMENT_PARTS)
        and not node["cte_map"]["map"]
        and len(node["select_list"]) == 1
        and not node["select_list"][0]["alias"]
    )
    if not plain:
        raise BadPredicate("is more than one expression")
    return node["select_list"][0]  # type: ignore[no-any-return]


def _parsed(statement: str) -> Node:
    found = sandbox().cursor.execute("select json_serialize_sql(?::varchar)", [statement])
    ((tree,),) = found.fetchall()
    return msgspec.json.decode(tree)  # type: ignore[no-any-return]


def _looked_at(node: Any, bound: frozenset[str]) -> Iterator[str]:
    """The names of columns in a tree; `bound` are parameters of lambdas around it."""
    if isinstance(node, list):
        for each in node:
            yield from _looked_at(each, bound)
    elif isinstance(node, dict):
        yield from _of_expression(node, bound)


def _of_expression(node: Node, bound: frozenset[str]) -> Iterator[str]:
    kind = node.get("class")
    if kind == "COLUMN_REF":
        yield from _column(node["column_names"], bound)
        return
    if kind == "LAMBDA":
        own = {name.lower() for name in _parameters(node["lhs"])}
        yield from _looked_at(node["expr"], bound | own)
        return
    if kind == "FUNCTION":
        _check_function(node)
    elif kind is not None and kind not in PLAIN:
        raise BadPredicate(f"has {REACHES.get(kind, kind.lower())}; it may see its row only")
    for each in node.values():
        yield from _looked_at(each, bound)


def _column(names: Sequence[str], bound: frozenset[str]) -> Iterator[str]:
    if names[0].lower() in bound:
        return
    if len(names) > 1:
        raise BadPredicate(f"looks at {'.'.join(names)}: a column has no parts")
    yield names[0]


def _parameters(lhs: Any) -> Iterator[str]:
    if isinstance(lhs, list):
        for each in lhs:
            yield from _parameters(each)
    elif isinstance(lhs, dict):
        if lhs.get("class") == "COLUMN_REF":
            yield lhs["column_names"][-1]
        for each in lhs.values():
            yield from _parameters(each)


def _check_function(node: Node) -> None:
    name = node["function_name"].lower()
    problem = _problem_of(name)
    # Of one moment, age() takes the time until today.
    if problem is None and name == "age" and len(node["children"]) == 1:
        problem = "is not the same at all times"
    if node["filter"] or node["order_bys"]["orders"] or node["distinct"]:
        problem = "is used as an aggregate"
    if problem:
        raise BadPredicate(f"calls {name}, which {problem}")


@cache
def _problem_of(name: str) -> str | None:
    """Why a function may not be called; None where it may."""
    if name in ASKING:
        return "asks for more than its row"
    if name in BOUNDLESS:
        return "makes as much as it is told to"
    rows = _functions().get(name)
    if rows is None:
        return "is no function that DuckDB knows" if name != "unnest" else "makes several rows"
    for kind, stability, has_side_effects, definition, parameters in rows:
        if kind == "macro":
            return _problem_of_macro(definition, frozenset(parameters))
        if kind != "scalar":
            return f"is no function of one row, but {_of_kind(kind)}"
        if has_side_effects or stability != "CONSISTENT":
            return "is not the same at all times, or does something"
    return None


@cache
def _functions() -> Mapping[str, list[tuple[Any, ...]]]:
    """What DuckDB says of its functions, by name: asked once, since it takes some milliseconds."""
    found = sandbox().cursor.execute(
        "select lower(function_name), function_type, stability, has_side_effects,"
        " macro_definition, parameters from duckdb_functions()"
    )
    functions: dict[str, list[tuple[Any, ...]]] = {}
    for name, *said in found.fetchall():
        functions.setdefault(name, []).append(tuple(said))
    return functions


def _of_kind(kind: str) -> str:
    return f"a{'n' if kind[0] in 'aeiou' else ''} {kind.replace('_', ' ')}"


def _problem_of_macro(definition: str, parameters: frozenset[str]) -> str | None:
    """As that of a function; a macro of DuckDB's own is what it is made of."""
    try:
        for name in _looked_at(_tree(definition), parameters):
            return f"looks at {name}"
    except BadPredicate as error:
        return str(error)
    return None


def _first_line(error: object) -> str:
    """DuckDB's words without the query, which it repeats below."""
    said = str(error).split("\n\nLINE")[0].strip().splitlines()[0]
    return re.sub(r"^\w+ Error: ", "", said)
