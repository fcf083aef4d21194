"""What `gatehouse dictionary` shows on a terminal: lines for people, as wide as it is."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.runtime.wording import counted

Entry = Mapping[str, Any]
COLUMNS = ["table", "column", "type", "required", "rules", "example", "description", "open", "ever"]


def overview(document: Entry) -> Iterator[tuple[str, list[str]]]:
    """A heading, and lines that belong to it, for each table, mart and exposure."""
    for table in document["tables"]:
        counts = f"{counted(table['rows'], 'row')}, {table['open_rejections']:,} kept out"
        yield f"{table['name']}  {counts}", [table["description"], *_owner(table)]
    for mart in document["marts"]:
        key = f"one row for each {', '.join(mart['key'])}" if mart["key"] else "a mart"
        made_of = f"made of {', '.join(mart['made_of'])}" if mart["made_of"] else ""
        reports = f"reports: {', '.join(mart['reports'])}" if mart["reports"] else ""
        lines = [mart["description"], made_of, reports, *_owner(mart)]
        yield f"{mart['name']}  {key}", [line for line in lines if line]
    for each in document["exposures"]:
        yield f"{each['name']}  {each['type']}", [each["description"], *_owner(each)]


def of_table(table: Entry) -> Iterator[tuple[str, list[str]]]:
    """The table, its columns with each rule in words, its references, and what breaks it most."""
    counts = f"{counted(table['rows'], 'row')}, {table['open_rejections']:,} kept out"
    yield f"{table['name']}  {counts}", [table["description"], *_owner(table)]
    for column in table["columns"]:
        key = ", the key" if column["name"] in table["key"] else ""
        yield f"{column['name']}  {column['type']}{key}", list(_of_column(column))
    for each in table["together"]:
        yield ", ".join(each["columns"]), [rule["words"] for rule in each["rules"]]
    if table["rules"]:
        yield "the row", [f"- {rule['words']}" for rule in table["rules"]]
    links = [f"{each['column']} → {each['to']}.{each['field']}" for each in table["references"]]
    links += [
        f"{each['table']}.{each['column']} → {each['field']}" for each in table["referenced_by"]
    ]
    if links:
        yield "references", links
    if table["breaks"]:
        yield "what breaks it most", [_of_break(each) for each in table["breaks"]]


def of_mart(mart: Entry) -> Iterator[tuple[str, list[str]]]:
    """The mart, and its columns with their data tests in words."""
    yield from overview({"tables": [], "marts": [mart], "exposures": []})
    for column in mart["columns"]:
        tests = [f"- {test['words']}" for test in column["tests"]]
        yield f"{column['name']}  {column['type']}", [column["description"], *tests]


def rows_of(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """A row for each column of tables and marts, and for columns together, as programs cut them."""
    rows = []
    for entry in entries:
        together = ({**each, "type": ""} for each in entry.get("together", ()))
        for column in (*entry["columns"], *together):
            rules = column["rules"] if "rules" in column else column["tests"]
            rows.append(
                {
                    **column,
                    "table": entry["name"],
                    "column": column["name"],
                    "rules": [rule["words"] for rule in rules],
                    "open": sum(rule.get("open", 0) for rule in rules),
                    "ever": sum(rule.get("ever", 0) for rule in rules),
                }
            )
    return rows


def _owner(entry: Entry) -> list[str]:
    owner = entry["owner"]
    if owner is None:
        return []
    email = f" <{owner['email']}>" if owner["email"] else ""
    return [f"owner: {owner['name']}{email}"]


def _of_column(column: Entry) -> Iterator[str]:
    yield column["description"]
    if column["example"] is not None:
        yield f"such as {column['example']}"
    yield f"- {column['type_words']}"
    for rule in column["rules"]:
        broken = f"  ({rule['open']:,} open of {rule['ever']:,})" if rule["ever"] else ""
        yield f"- {rule['words']}{broken}"
    if column.get("generated"):
        yield "- given to new rows"
    if column.get("normalise"):
        yield f"- normalised first: {', '.join(column['normalise'])}"
    if "default" in column:
        yield f"- where there is none: {column['default']}"
    elif not column["required"]:
        yield "- may be missing"


def _of_break(each: Entry) -> str:
    column = f"{each['column']} " if each["column"] else ""
    return f"{each['open']:>6,} open of {each['ever']:,}  {column}{each['rule']}: {each['words']}"
