"""The rows that a restore would bring back, remove or change, for a terminal."""

from typing import TYPE_CHECKING, Any

from service.cli import output
from service.cli.invocation import segment

if TYPE_CHECKING:
    from service.cli.client import Client

Difference = dict[str, Any]
WORDS = {"added": "comes back", "removed": "goes", "changed": "changes"}


def differences_of(
    client: "Client", tables: list[dict[str, Any]], limit: int
) -> dict[str, list[Difference]]:
    """The first rows that differ, by table, of what a dry run has answered."""
    return {
        each["table"]: client.pages(
            f"/v1/backups/{segment(each['backup_id'])}/difference",
            "rows",
            limit,
            place=each["place"],
        )
        for each in tables
    }


def show_differences(found: dict[str, list[Difference]]) -> None:
    """Prints them: a line for each row, old and new values side by side."""
    lines = [
        {
            "table": table,
            "key": row["key"],
            "what": WORDS[row["kind"]],
            "values": "; ".join(_values(row)),
        }
        for table, rows in found.items()
        for row in rows
    ]
    output.table(lines, ["table", "key", "what", "values"])


def _values(row: Difference) -> list[str]:
    before, after = row["before"], row["after"]
    if row["kind"] == "changed":
        return [f"{name}: {_cell(before[name])} -> {_cell(after[name])}" for name in row["columns"]]
    return [f"{name}: {_cell(value)}" for name, value in (after or before).items()]


def _cell(value: Any) -> str:
    return "null" if value is None else output.cell(value)
