"""The last load of each table, for people who look at how things are."""

from dataclasses import dataclass
from datetime import datetime

from service.engines.engine import Connection


@dataclass(frozen=True)
class LatestLoad:
    """The load of a table that was begun last; `started_at` is UTC without time zone."""

    load_id: str
    kind: str
    started_at: datetime
    status: str
    accepted: int
    rejected: int


def latest_loads(connection: Connection) -> dict[str, LatestLoad]:
    """Those of each table that there was a load of, by its name."""
    names = ("load_id", "kind", "started_at", "status", "accepted", "rejected")
    latest = ", ".join(f"arg_max({name}, number)" for name in names)
    found = connection.execute(
        f"select table_name, {latest} from ops.loads where table_name <> '' group by table_name"
    ).fetchall()
    return {table: LatestLoad(*said) for table, *said in found}
