"""A kill between any two statements of a change leaves all of it or nothing: rows, traces, the
load, the answer that is kept, and what the feed is told.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import httpx
import msgspec
import pytest

from service.backups.rewriting import holds
from service.backups.verifying import trusted
from service.dictionary import Table
from service.engines.duckdb import Database
from service.runtime.locations import Location
from service.runtime.settings import Settings
from tests.support.leftovers import Leftover, Watch, watch
from tests.support.services import copied, serving

PATH = "/v1/tables/jobs"
KEY, MANY = 9_001, range(20_000, 20_010)
ROW = f"{PATH}/rows/{KEY}"
MERGE = {"Prefer": "resolution=merge-duplicates"}
MERGED = [{"id": key, "job": "other" if key % 2 else "as it was"} for key in range(20_000, 20_014)]
# In their order: what is done, how, and which traces it leaves.
DEEDS: list[tuple[str, str, str, dict[str, Any], list[str]]] = [
    ("put", "PUT", ROW, {"json": {"id": KEY, "job": "new"}}, ["insert"]),
    ("put over", "PUT", ROW, {"json": {"id": KEY, "job": "over"}}, ["update"]),
    ("patch", "PATCH", ROW, {"json": {"job": "patched"}}, ["update"]),
    ("merge", "POST", f"{PATH}/rows", {"json": MERGED, "headers": MERGE}, ["update"] * 5),
    ("restore", "POST", f"{PATH}/restore", {"json": {"backup_id": "latest"}},
     ["delete"] * 4 + ["update"] * 5),
    ("delete", "DELETE", ROW, {}, ["delete"]),
    ("delete some", "DELETE", f"{PATH}/rows?id=gte.20005", {}, ["delete"] * 5),
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("watched")
    return msgspec.structs.replace(copied(built, folder), lake=Location(folder / "lake"))


@pytest.fixture(scope="module")
def served(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Watch]]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        watching = watch(monkeypatch, settings, tmp_path_factory.mktemp("left"))
        with serving(settings) as client:
            rows = [{"id": key, "job": "as it was"} for key in MANY]
            assert client.post(f"{PATH}/rows", json=rows).status_code == 201
            yield client, watching


def test_a_change_is_there_whole_or_not_at_all(served: tuple[httpx.Client, Watch]) -> None:
    client, watching = served
    for name, method, path, content, traces in DEEDS:
        if name == "merge":
            assert client.post(f"{PATH}/backups").status_code == 201
        watching.begin()
        headers = {"Idempotency-Key": name, **content.get("headers", {})}
        answer = client.request(method, path, **{**content, "headers": headers})
        assert answer.is_success, (name, answer.text)
        watching.look("answered")
        left, _ = _whole_or_not(watching, name)
        before, after = left[0], left[-1]
        new = [each[1] for each in after["changes"] if each not in before["changes"]]
        assert sorted(new) == traces, name
        assert {*after["answers"]} - {*before["answers"]} == {(name,)}
        assert len(after["loads"]) == len(before["loads"]) + 1
        told = sum(rows for _, _, rows in after["told"]) - sum(rows for *_, rows in before["told"])
        assert told == len(traces) + (4 if name == "merge" else 0), name


def test_erased_rows_are_gone_whole_and_no_backup_is_lost(
    served: tuple[httpx.Client, Watch], settings: Settings
) -> None:
    client, watching = served
    for job in ("Zanzibar", "Zanzibar II"):
        row = {"id": KEY, "job": job}
        assert client.put(ROW, json=row).is_success
        assert client.post(f"{PATH}/backups").status_code == 201
    watching.begin()
    answer = client.post(f"{ROW}/erase", json={"reason": "asked for it", "backups": True})
    assert answer.is_success, answer.text
    watching.look("answered")
    left, files = _whole_or_not(watching, "erase")
    assert left[-1]["erased"]
    assert str(KEY) not in {key for key, *_ in left[-1]["changes"]}
    table = Database(files[-1].folder / "gatehouse.duckdb").dictionary().tables["jobs"]
    held = [_backups(each, table) for each in files]
    assert all(rows == held[0][0] for rows, _ in held)  # each moment has one, at any time
    counts = [having for _, having in held]
    assert counts[0] >= 2
    assert [number for number, _ in groupby(counts)] == [*range(counts[0], -1, -1)]
    assert {each.at for each in files} >= {"committed", "backup add", "backup remove"}


def _whole_or_not(watching: Watch, name: str) -> tuple[list[dict[str, list[Any]]], list[Leftover]]:
    """The states that were left: as before, then as afterwards, and none between."""
    assert watching.looked.count("execute") > 3, name
    assert {"commit", "committed"} <= {*watching.looked}, name
    states = [each.state() for each in watching.found]
    before, after = states[0], states[-1]
    assert before != after, name
    between = [at.at for at, each in zip(watching.found, states, strict=True)
               if each not in (before, after)]  # fmt: skip
    assert not between, (name, between)
    assert [each == after for each in states] == sorted(each == after for each in states), name
    return states, watching.found


def _backups(left: Leftover, table: Table) -> tuple[set[str], int]:
    """The moments of which there is a backup that can be read, and how many have the row."""
    catalogue, having = left.catalogue(), 0
    moments = set()
    for entry in catalogue.list("jobs"):
        with trusted(entry, table, catalogue) as rows:
            assert sum(batch.num_rows for batch in rows.batches()) == entry.rows
        moments.add(entry.created_at)
        having += holds(entry, table, catalogue, [KEY])
    return moments, having
