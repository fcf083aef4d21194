"""Files that are sent to a service, and the loads that come of them."""

from typing import Any, TypeAlias

import duckdb
import httpx

from service.runtime.settings import Settings
from tests.support.answers import looks
from tests.support.world import everything

Load: TypeAlias = dict[str, Any]
OUTCOMES = ("accepted", "changed", "rejected", "already_present")
HEADER = "id,name,datetime,department_id,job_id\n"
MOMENT = "2021-06-14T09:30:00Z"


def hires(first: int, count: int, department: int = 1) -> str:
    """Lines of a file, all of them sound."""
    ids = range(first, first + count)
    return "".join(f"{i},Ada Byron,{MOMENT},{department},1\n" for i in ids)


def send(
    client: httpx.Client, table: str, content: bytes | str, prefer: Any = "", **said: Any
) -> httpx.Response:
    """Sends a file; `said` are the parameters."""
    return client.post(
        f"/v1/tables/{table}/files",
        content=content,
        params={"filename": "hires.csv", **said},
        headers={"Content-Type": "text/csv", **({"Prefer": prefer} if prefer else {})},
    )


def followed(client: httpx.Client, taken: httpx.Response) -> Load:
    """The load when it has ended."""
    assert taken.status_code == 202, taken.text
    for _ in looks():
        load: Load = client.get(taken.json()["href"]).json()
        assert load["received"] == sum(load[k] for k in OUTCOMES)
        if load["status"] != "running":
            break
        assert load["progress"]["of_bytes"] > 0
    return load


def books(settings: Settings) -> dict[str, tuple[int, int]]:
    """Everything in core and ops."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        return everything(connection)


def landed(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in raw: the lines of the files that were landed last, and what is said of them."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'raw' order by 1"
        ).fetchall()
        return {
            name: connection.execute(f'select * from raw."{name}" order by all').fetchall()
            for (name,) in names
        }


def kinds_of_lines(load: Load) -> tuple[int | None, ...]:
    """How many lines are of the header, blank, skipped, and of records."""
    return tuple(load[f"{kind}_lines"] for kind in ("header", "blank", "skipped", "record"))


def counts(load: Load) -> tuple[int, ...]:
    """The counts of a load."""
    names = ("received", "accepted", "rejected", "already_present")
    return tuple(int(load[name]) for name in names)
