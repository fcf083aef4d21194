"""Tables without a key of their own: ``meta: {key: generated}``, at every door.

The rows of `visits` get their ids, and `notes` refer to them. One service is shared; what it has
given is never given again.
"""

import csv
import io
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import httpx
import msgspec
import pytest

from service.engines.duckdb import Database
from service.runtime.locations import Location
from service.runtime.settings import Settings
from service.warehouse.salvage import go_on
from tests.support.contract import Contract
from tests.support.door import Door, found
from tests.support.processes import Service
from tests.support.projects import Project
from tests.support.rows import CSV, FORMATS
from tests.support.services import serving, serving_by
from tests.support.uploads import followed, send

VISITS = """
- name: id
  data_type: bigint
  description: Number of the visit.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: name
  data_type: varchar
  description: Who came.
  data_tests: [not_null, not_blank]
- name: place_id
  data_type: integer
  description: Where to.
  data_tests: [{relationships: {arguments: {to: ref('places'), field: id}}}]
"""
PLACES = """
- name: id
  data_type: integer
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
"""
NOTES = """
- name: id
  data_type: bigint
  description: Number.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: visit_id
  data_type: bigint
  description: Of which visit.
  data_tests: [not_null, {relationships: {arguments: {to: ref('visits'), field: id}}}]
"""
IGNORE = {"Prefer": "resolution=ignore-duplicates"}
MERGE = {"Prefer": "resolution=merge-duplicates"}
ROWS = "/v1/tables/visits/rows"
KILLS = int(os.environ.pop("GATEHOUSE_IDS_KILLS", "") or 2)
HISTORY = "name,place_id\nAda,1\nBob,2\nAda,1\n ,1\nEve,9\n"


def empty_project(folder: Path) -> Project:
    project = Project(folder)
    project.leave_out_tables()
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = empty_project(tmp_path_factory.mktemp("generated"))
    project.model("places", PLACES)
    project.model("visits", VISITS, parents="places", key="generated")
    project.model("notes", NOTES, parents="visits", key="generated")
    project.write("places", "id\n1\n2\n")
    project.write("visits", HISTORY)
    project.build()
    return project


def copied(project: Project, folder: Path) -> Settings:
    """Settings of a copy of the warehouse."""
    (folder / "backups").mkdir()
    shutil.copy(project.settings.warehouse, folder / "gatehouse.duckdb")
    return msgspec.structs.replace(
        project.settings,
        warehouse=folder / "gatehouse.duckdb",
        backups=Location(folder / "backups"),
    )


@pytest.fixture(scope="module")
def door(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Its own document checks each answer."""
    settings = copied(project, tmp_path_factory.mktemp("door"))
    with serving(settings) as client:
        contract = Contract(client.get("/schema").json())
    with serving_by(contract, settings) as client:
        yield Door(client, settings)


def visit(name: str = "Ada", place_id: int | None = 1, **more: Any) -> dict[str, Any]:
    return {**more, "name": name, "place_id": place_id}


def last(door: Door) -> int:
    """The last id that was given to a visit, as it is on record."""
    [(last_id,)] = door.ask("select last_id from ops.sequences where table_name = 'visits'")
    return int(last_id)


def kept(door: Door, *ids: int) -> list[tuple[Any, ...]]:
    query = "select id, name, place_id from core.visits where id in (select unnest(?)) order by id"
    return door.ask(query, list(ids))


def given(answer: httpx.Response) -> list[int]:
    """The ids that rows got, which follow each other."""
    ids = [each for each in answer.json()["ids"] if each is not None]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    return ids


def test_lines_of_a_history_are_given_ids(project: Project) -> None:
    assert project.query("from core.visits order by id") == [
        (1, "Ada", 1),
        (2, "Bob", 2),
        (3, "Ada", 1),
    ]
    assert project.last_load("visits") == (5, 3, 2, 0)


@pytest.mark.parametrize("kind", FORMATS)
def test_new_rows_get_the_next_ids_in_every_format(door: Door, kind: str) -> None:
    before = last(door)
    rows = [visit(), visit(" "), visit("Bob", 9), visit(), visit("Cy", None)]
    dry = door.rows(rows, "visits", kind=kind, dry_run="true")
    assert dry.status_code == 207
    assert "ids" not in dry.json()
    assert last(door) == before
    answer = door.rows(rows, "visits", kind=kind)
    assert answer.status_code == 207
    ids = answer.json()["ids"]
    assert [each is None for each in ids] == [False, True, True, False, False]
    assert before < ids[0] < ids[3] < ids[4] <= last(door)
    expected = [(ids[0], "Ada", 1), (ids[3], "Ada", 1), (ids[4], "Cy", None)]
    assert kept(door, ids[0], ids[3], ids[4]) == expected


def test_a_request_that_is_repeated_gets_the_same_ids(door: Door) -> None:
    headers = {"Idempotency-Key": "one visit"}
    first = door.rows([visit()], "visits", headers=headers)
    again = door.rows([visit()], "visits", headers=headers)
    other = door.rows([visit()], "visits")
    assert first.json() == again.json()
    assert given(other) > given(first)
    assert first.headers["location"] == f"{ROWS}/{given(first)[0]}"
    assert door.client.get(first.headers["location"]).json()["name"] == "Ada"


def test_a_row_that_brings_an_id_is_the_row_of_that_id(door: Door) -> None:
    ids = given(door.rows([visit(), visit("Bob")], "visits"))
    unknown = last(door) + 5
    rows = [visit("Eve", id=ids[0]), visit(id=unknown), visit(" ", id=unknown), visit("New")]
    plain = door.rows(rows, "visits")
    assert found(plain) == {
        0: [("id", "unique")],
        1: [("id", "generated")],
        2: [("id", "generated"), ("name", "not_blank")],
    }
    said = plain.json()["rejections"][1]["violations"][0]
    assert said["message"] == f"id is given to new rows, and no row has {unknown}: leave it out"
    same = door.rows([visit(id=ids[0]), visit("Eve", id=ids[1])], "visits", headers=IGNORE)
    assert found(same) == {1: [("id", "unique")]}
    assert same.json()["already_present"] == 1
    assert same.json()["ids"] == [ids[0], None]
    merged = door.rows([visit("Eve", id=ids[1]), visit(), rows[1]], "visits", headers=MERGE)
    assert found(merged) == {2: [("id", "generated")]}
    assert (merged.json()["changed"], merged.json()["accepted"]) == (1, 1)
    assert merged.json()["ids"][0] == ids[1]
    assert kept(door, *ids) == [(ids[0], "Ada", 1), (ids[1], "Eve", 1)]


def test_a_strict_request_that_is_refused_gives_no_ids(door: Door) -> None:
    before = last(door)
    answer = door.rows([visit(), visit(" ")], "visits", headers={"Prefer": "handling=strict"})
    assert answer.status_code == 422
    assert "ids" not in answer.json()
    assert last(door) == before


def test_large_bodies_get_ids_too(door: Door) -> None:
    rows = [visit("x" * length) for length in [20] * 999]
    answer = door.rows([*rows, visit(" ")], "visits")
    assert len(given(answer)) == 999
    assert answer.json()["ids"][-1] is None
    assert given(door.rows([visit("y" * 1100)] * 1000, "visits"))[0] > given(answer)[-1]


def test_a_row_is_put_patched_and_removed_by_its_id(door: Door) -> None:
    [key] = given(door.rows([visit()], "visits"))
    place = f"{ROWS}/{key}"
    assert door.client.put(place, json=visit("Bob")).status_code == 200
    assert door.client.put(place, json=visit("Cy", id=key)).status_code == 200
    assert door.client.put(place, json=visit("Cy", id=key + 1)).status_code == 422
    assert door.client.patch(place, json={"place_id": 2}).status_code == 200
    assert door.client.get(place).json() == visit("Cy", 2, id=key)
    assert len(door.client.get(f"{place}/history").json()["changes"]) == 3
    assert door.client.delete(place).status_code == 200
    refused = door.client.put(place, json=visit())
    assert refused.status_code == 422
    assert found(refused) == {0: [("id", "generated")]}
    assert given(door.rows([visit()], "visits"))[0] > key


def test_rows_of_several_tables_get_ids_each_of_its_own(door: Door) -> None:
    [known] = given(door.rows([visit()], "visits"))
    unknown = last(door) + 50
    body = {"notes": [{"visit_id": known}, {"visit_id": unknown}], "visits": [visit(), visit("B")]}
    answer = door.tables(body)
    assert answer.status_code == 207
    tables = answer.json()["tables"]
    assert len(set(tables["visits"]["ids"])) == 2
    assert [each is None for each in tables["notes"]["ids"]] == [False, True]
    assert door.client.delete(f"{ROWS}/{known}").status_code == 409


def test_a_rejected_row_gets_its_id_when_it_goes_in(door: Door) -> None:
    answer = door.rows([visit("Late", 7)], "visits")
    rejection = answer.json()["rejections"][0]["rejection_id"]
    [later] = given(door.rows([visit()], "visits"))
    corrected = door.client.post(f"/v1/rejections/{rejection}/replay", json=visit("Late", 2))
    assert corrected.status_code == 201
    assert given(corrected)[0] > later
    assert kept(door, *given(corrected)) == [(given(corrected)[0], "Late", 2)]


def test_an_exported_grid_comes_back_as_changes(door: Door) -> None:
    ids = given(door.rows([visit("G1"), visit("G2")], "visits"))
    text = door.client.get(
        ROWS, params={"id": f"in.({ids[0]},{ids[1]})"}, headers={"Accept": CSV}
    ).text
    lines = list(csv.DictReader(io.StringIO(text)))
    lines[1]["name"] = "G2 corrected"
    lines.append({"id": "", "name": "G3", "place_id": "1"})
    out = io.StringIO()
    writer = csv.DictWriter(out, ["id", "name", "place_id"])
    writer.writeheader()
    writer.writerows(lines)
    answer = door.rows(out.getvalue().encode(), "visits", kind=CSV, headers=MERGE).json()
    told = [answer[name] for name in ("already_present", "changed", "accepted")]
    assert told == [1, 1, 1]
    assert kept(door, *answer["ids"])[1:] == [
        (ids[1], "G2 corrected", 1),
        (answer["ids"][2], "G3", 1),
    ]


def test_a_file_brings_new_rows_once(door: Door) -> None:
    content = "name,place_id\nFay,1\nFay,1\nGus,9\nHal,2\n"
    trial = door.client.post(
        "/v1/tables/visits/files",
        content=content,
        params={"filename": "a.csv", "dry_run": "true"},
        headers={"Content-Type": "text/csv"},
    )
    before = last(door)
    assert followed(door.client, trial)["accepted"] == 3
    assert last(door) == before
    load = followed(door.client, send(door.client, "visits", content))
    assert [load[n] for n in ("accepted", "rejected", "already_present")] == [3, 1, 0]
    rows = door.ask("select id, name from core.visits where name in ('Fay', 'Hal') order by id")
    assert [name for _, name in rows] == ["Fay", "Fay", "Hal"]
    assert rows[0][0] > before
    again = followed(door.client, send(door.client, "visits", content))
    assert [again[n] for n in ("accepted", "rejected", "already_present")] == [0, 1, 3]
    other = followed(door.client, send(door.client, "visits", content + "Ida,1\n"))
    assert [other[n] for n in ("accepted", "rejected", "already_present")] == [4, 1, 0]
    assert door.client.get("/v1/audit").json()["ok"]


def test_a_line_that_was_replayed_does_not_come_again_with_its_file(door: Door) -> None:
    content = "name,place_id\nKim,70\nLou,70\nKim,70\n"
    load = followed(door.client, send(door.client, "visits", content))
    assert load["rejected"] == 3
    assert door.rows([{"id": 70}], "places").status_code == 201
    listed = door.client.get("/v1/rejections", params={"load_id": load["load_id"]}).json()
    ids = {each["position"]: each["rejection_id"] for each in listed["rejections"]}
    assert door.client.post(f"/v1/rejections/{ids[2]}/replay").status_code == 201
    again = followed(door.client, send(door.client, "visits", content))
    assert [again[n] for n in ("accepted", "rejected", "already_present")] == [2, 0, 1]
    rows = door.ask("select name from core.visits where place_id = 70 order by name")
    assert rows == [("Kim",), ("Kim",), ("Lou",)]


def test_lines_of_a_file_may_change_rows_and_bring_no_ids(door: Door) -> None:
    [key] = given(door.rows([visit("Max")], "visits"))
    unknown = last(door) + 40
    content = f"id,name,place_id\n{key},Mia,1\n{unknown},Ned,1\n,Ole,1\n"
    load = followed(door.client, send(door.client, "visits", content, MERGE["Prefer"]))
    assert [load[n] for n in ("accepted", "changed", "rejected")] == [1, 1, 1]
    listed = door.client.get("/v1/rejections", params={"load_id": load["load_id"]}).json()
    [violation] = listed["rejections"][0]["violations"]
    assert (violation["column"], violation["rule"]) == ("id", "generated")
    assert kept(door, key, unknown) == [(key, "Mia", 1)]


def test_a_file_without_a_header_lacks_the_id_as_well(door: Door) -> None:
    load = followed(door.client, send(door.client, "visits", "Pia,1\nQuin,2\n", header="false"))
    assert load["accepted"] == 2
    refused = send(door.client, "visits", "name,place_id,number\nRoy,1,5\n")
    assert refused.status_code == 422  # a strange name is never taken for the id


def test_a_restore_keeps_ids_and_gives_none_again(door: Door) -> None:
    [first] = given(door.rows([visit("Sue")], "visits"))
    backup = door.client.post("/v1/tables/visits/backups").json()["backup_id"]
    [second] = given(door.rows([visit("Tom")], "visits"))
    restored = door.client.post("/v1/tables/visits/restore", json={"backup_id": backup})
    assert restored.status_code == 200, restored.text
    assert kept(door, first, second) == [(first, "Sue", 1)]
    assert given(door.rows([visit("Uma")], "visits"))[0] > second
    assert door.client.get("/v1/audit").json()["ok"]


def test_an_erased_row_stays_out_with_its_lines_and_rejections(door: Door) -> None:
    content = "name,place_id\nVictoria,1\nXaver,1\n"
    load = followed(door.client, send(door.client, "visits", content))
    [(key,)] = door.ask("select id from core.visits where name = 'Victoria'")
    [rejected] = door.rows([visit("Victoria", 88)], "visits").json()["rejections"]
    place = f"/v1/rejections/{rejected['rejection_id']}"
    [other] = given(door.client.post(f"{place}/replay", json=visit("Victoria", 2)))
    for each in (key, other):
        erased = door.client.post(f"{ROWS}/{each}/erase", json={"reason": "asked"})
        assert erased.status_code == 200, erased.text
    for query in (
        "select cast(columns(*) as varchar) from raw.visits",
        "select payload || violations from ops.rejections",
        "select coalesce(payload, '') from ops.replays",
    ):
        assert "Victoria" not in str(door.ask(query))
    answer = door.rows([visit("Vic", id=key)], "visits", headers=MERGE)
    assert found(answer) == {0: [("id", "erased")]}
    again = followed(door.client, send(door.client, "visits", content))
    assert [load["accepted"], again["rejected"], again["already_present"]] == [2, 1, 1]
    assert given(door.rows([visit("Vic")], "visits"))[0] > other


def test_the_contracts_tell_who_gives_the_id(door: Door) -> None:
    schemas = door.client.get("/schema").json()["components"]["schemas"]
    sent, stored = schemas["VisitsRowSent"], schemas["VisitsRow"]
    assert sent["required"] == ["name"]
    assert set(stored["required"]) == {"id", "name"}
    assert stored["properties"]["id"]["readOnly"] is True
    schema = door.client.get("/v1/tables/visits/schema").json()
    assert schema["required"] == ["name"]
    assert schema["properties"]["id"]["readOnly"] is True
    avro = door.client.get("/v1/tables/visits/schema", params={"format": "avro"}).json()
    assert avro["fields"][0]["type"] == "long"


class Walk:
    """Random deeds, of which each that gives ids is told; none may be told twice."""

    def __init__(self, client: httpx.Client, chance: Random, told: set[int]) -> None:
        self.client, self.chance, self.told = client, chance, told
        self.backup: str | None = None

    def step(self) -> None:
        deeds = (self.insert, self.insert, self.again, self.refuse, self.remove, self.replay)
        self.chance.choice((*deeds, self.back_up, self.restore))()

    def post(self, *names: str, **headers: str) -> httpx.Response:
        rows = [visit(name) for name in names]
        return self.client.post(ROWS, json=rows, headers=headers)

    def take(self, answer: httpx.Response) -> None:
        ids = {each for each in answer.json()["ids"] if each is not None}
        assert ids
        assert self.told.isdisjoint(ids)
        self.told |= ids

    def insert(self) -> None:
        self.take(self.post(*["Ada", " ", "Bob"][self.chance.randrange(3) :], "Cy"))

    def again(self) -> None:
        name = f"key {self.chance.random()}"
        first = self.post("Ada", **{"Idempotency-Key": name})
        self.take(first)
        assert self.post("Ada", **{"Idempotency-Key": name}).json() == first.json()

    def refuse(self) -> None:
        assert "ids" not in self.post("Ada", " ", Prefer="handling=strict").json()

    def remove(self) -> None:
        self.client.delete(f"{ROWS}/{self.chance.choice([*self.told])}")

    def replay(self) -> None:
        [rejected] = self.post(" ").json()["rejections"]
        path = f"/v1/rejections/{rejected['rejection_id']}/replay"
        self.take(self.client.post(path, json=visit("Right")))

    def back_up(self) -> None:
        self.backup = self.client.post("/v1/tables/visits/backups").json()["backup_id"]

    def restore(self) -> None:
        if self.backup:
            body = {"backup_id": self.backup}
            assert self.client.post("/v1/tables/visits/restore", json=body).status_code == 200


def test_no_id_is_given_twice_whatever_happens(project: Project, tmp_path: Path) -> None:
    """Through several lives of a service, which know of each other by the warehouse alone."""
    chance, told = Random(1), set[int]()
    settings = copied(project, tmp_path)
    for _ in range(3):
        with serving(settings) as client:
            walk = Walk(client, chance, told)
            walk.insert()
            for _ in range(25):
                walk.step()
            walk.insert()
            client.delete(f"{ROWS}/{max(told)}")  # the next life has no row of the last id
    assert len(told) > 30


def test_a_journal_that_knows_more_than_the_warehouse_has_its_ids_left_out(
    project: Project, tmp_path: Path
) -> None:
    settings = copied(project, tmp_path)
    with serving(settings) as client:
        old = tmp_path / "old.duckdb"
        shutil.copy(settings.warehouse, old)
        last_id = client.post(ROWS, json=[visit()] * 10).json()["ids"][-1]
    shutil.copy(old, settings.warehouse)  # an old copy in its place: ten rows are lost
    database = Database(settings.warehouse)
    go_on(database, "warehouse.accept", "rows are missing", None)
    database.close()
    with serving(settings) as client:
        assert given(client.post(ROWS, json=[visit()])) == [last_id + 1]


def test_the_audit_finds_a_row_whose_id_is_yet_to_be_given(
    project: Project, tmp_path: Path
) -> None:
    settings = copied(project, tmp_path)

    def ids_checked() -> dict[str, tuple[bool, str]]:
        checks = client.get("/v1/audit").json()["checks"]
        return {c["name"]: (c["ok"], c["detail"]) for c in checks if c["name"].startswith("ids ")}

    with serving(settings) as client:
        fine = (True, "none is yet to be given")
        assert ids_checked() == {"ids of notes": fine, "ids of visits": fine}
        ids = client.post(ROWS, json=[visit()] * 2).json()["ids"]
        with duckdb.connect(str(settings.warehouse)) as connection:
            connection.execute(
                "update ops.sequences set last_id = last_id - 1 where table_name = 'visits'"
            )
        said = f"it has the id {ids[-1]}, the last one on record is {ids[0]}"
        assert ids_checked() == {"ids of notes": fine, "ids of visits": (False, said)}


def test_a_history_that_is_built_again_gives_no_second_copy(project: Project) -> None:
    """It is the last test: it changes the project."""
    rows = project.query("from core.visits")
    project.write("visits", "name,place_id\nZoe,2\nAda,1\nBob,2\nEve,9\nAda,1\nAda,1\n ,1\n")
    project.build()
    assert project.last_load("visits") == (7, 2, 2, 3)
    assert set(rows) <= set(project.query("from core.visits"))
    assert project.query("select name from core.visits where id > 4 order by id") == [
        ("Zoe",),
        ("Ada",),
    ]
    before = project.query("from core.visits order by id")
    project.write("visits", "id,name,place_id\n900,Old,1\n,Ada,1\n")
    project.append("places", "9")  # Eve's parent
    project.build()
    assert project.last_load("visits") == (2, 1, 0, 1)
    assert project.query("from core.visits order by id") == [*before, (900, "Old", 1)]
    project.write("visits", "id,name,place_id\n900,Old,1\n,Eve,9\n,Fay,1\n")
    project.build()
    assert project.query("select id, name from core.visits where id > 900 or name = 'Eve'") == [
        (4, "Eve"),
        (901, "Fay"),
    ]


def test_ids_are_given_once_whenever_it_is_killed(project: Project, tmp_path: Path) -> None:
    """What was answered is there under the ids that were told; what was not is sent again."""
    settings, random = copied(project, tmp_path), Random(7)
    told: dict[int, str] = {}
    sent = 0
    unanswered: tuple[str, list[dict[str, Any]]] | None = None

    def send_on(client: httpx.Client, moments: threading.Event) -> None:
        nonlocal sent, unanswered
        while True:
            key, rows = unanswered or (
                f"batch-{sent}",
                [visit(f"{sent}-{i}") for i in range(random.randint(1, 9))],
            )
            sent += unanswered is None
            unanswered = key, rows
            try:
                answer = client.post(ROWS, json=rows, headers={"idempotency-key": key})
            except httpx.TransportError:
                return
            ids = given(answer)
            assert told.keys().isdisjoint(ids)
            told.update(zip(ids, (row["name"] for row in rows), strict=True))
            unanswered = None
            moments.set()

    for _ in range(KILLS):
        Service(settings).kill_while(send_on, random.random() / 20)
    with serving(settings) as client:
        if unanswered:
            key, rows = unanswered
            ids = given(client.post(ROWS, json=rows, headers={"idempotency-key": key}))
            told.update(zip(ids, (row["name"] for row in rows), strict=True))
        assert client.get("/v1/audit").json()["ok"]
        there = Door(client, settings).ask("select id, name from core.visits where name like '%-%'")
    assert dict(there) == told
    assert len(there) == len({name for _, name in there})
