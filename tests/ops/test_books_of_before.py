"""A warehouse of a version before the books were numbered: a build numbers them, by their times."""

import duckdb
import pytest

from service.dbt.runner import build_offline
from service.engines.duckdb import Database
from service.errors import NotBuilt
from tests.support.answers import all_pages
from tests.support.services import serving

NUMBERED = ("loads", "rejections", "replays", "files", "trail")
NEW = ("outcomes", "warehouse", "warnings", "changes", "erased", "erasure_secret")
LATER = {
    "loads": ("defaulted", "normalised", "changed", "removed", "on_conflict"),
    "files": ("on_conflict",),
    "trail": ("is_intent",),
}
JOBS = "/v1/tables/jobs"


def made_old(settings):
    """The books as a version before had them: without numbers."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        for name in NUMBERED:
            columns = ", ".join(("number", *LATER.get(name, ())))
            connection.execute(f"create table kept as select * exclude ({columns}) from ops.{name}")
            found = connection.execute(
                "select constraint_column_names from duckdb_constraints()"
                " where schema_name = 'ops' and table_name = ? and constraint_type = 'PRIMARY KEY'",
                [name],
            ).fetchall()
            connection.execute(f"drop table ops.{name}; create table ops.{name} as from kept")
            for (key,) in found:
                connection.execute(f"alter table ops.{name} add primary key ({', '.join(key)})")
            connection.execute("drop table kept")
        for name in NEW:
            connection.execute(f"drop table ops.{name}")
        connection.execute("drop sequence ops.numbers")
        # A load of later that has come first, as far as the table knows.
        connection.execute(
            "update ops.loads set started_at = started_at + interval 1 hour"
            " where table_name = 'departments'"
        )


@pytest.mark.slow
def test_a_build_numbers_what_was_there_by_its_time_and_what_comes_follows(settings):
    made_old(settings)
    database = Database(settings.warehouse)
    with pytest.raises(NotBuilt):  # and `gatehouse serve` builds first
        database.dictionary()
    database.close()
    assert build_offline(settings).status == "done"
    assert build_offline(settings).status == "done"  # once more changes nothing
    with serving(settings) as client:
        before = all_pages(client, "/v1/loads?limit=2", "loads")
        assert before[0]["table"] == "departments"
        moments = [load["started_at"] for load in before]
        assert moments == sorted(moments, reverse=True)
        rejections = all_pages(client, "/v1/rejections?limit=7", "rejections")
        assert len({each["rejection_id"] for each in rejections}) == len(rejections) == 76
        positions = [each["position"] for each in rejections]
        assert positions == sorted(positions, reverse=True)
        load_id = client.post("/v1/tables/jobs/rows", json=[{"id": 9001, "job": "a"}]).json()
        after = client.get("/v1/loads?limit=1").json()["loads"]
        assert after[0]["load_id"] == load_id["load_id"]
        trail = client.get("/v1/trail?limit=1").json()["entries"]
        assert trail[0]["entry_id"].startswith(load_id["load_id"])
        assert client.get("/v1/audit").json()["ok"]
        change_rows(client)
        assert client.get("/v1/audit").json()["ok"]


def change_rows(client):
    """What the books of before had no place for."""
    backup = client.post(f"{JOBS}/backups").json()["backup_id"]
    merging = {"Prefer": "resolution=merge-duplicates"}
    again = client.post(f"{JOBS}/rows", json=[{"id": 9001, "job": "b"}], headers=merging)
    assert again.json()["changed"] == 1
    assert client.patch(f"{JOBS}/rows/9001", json={"job": "c"}).status_code == 200
    assert client.delete(f"{JOBS}/rows/9001").status_code == 200
    assert client.post(f"{JOBS}/restore", json={"backup_id": backup}).json()["added"] == 1
    assert len(client.get(f"{JOBS}/rows/9001/history").json()["changes"]) == 4
    erased = client.post(f"{JOBS}/rows/9001/erase", json={"reason": "asked for it"})
    assert erased.status_code == 200
    refused = client.post(f"{JOBS}/restore", json={"backup_id": backup})
    assert refused.status_code == 409
