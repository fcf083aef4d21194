"""A row is erased: nothing of it is left in the warehouse, and it does not come back unsaid."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.answers import is_problem
from tests.support.uploads import followed, send

TABLE, HIRED = "departments", "hired_employees"
WHY = {"reason": "asked for it"}


def path_of(key: Any, table: str = TABLE) -> str:
    return f"/v1/tables/{table}/rows/{key}"


def texts(door) -> dict[str, str]:
    """Each table of the warehouse as one text."""
    found = {}
    with duckdb.connect(str(door.settings.warehouse)) as connection:
        names = connection.execute(
            "select table_schema || '.\"' || table_name || '\"' from information_schema.tables"
            " where table_type = 'BASE TABLE' and table_schema in ('core', 'ops', 'raw')"
        ).fetchall()
        for (name,) in names:
            found[name] = str(connection.execute(f"select * from {name}").fetchall())
    return found


def where(door, *said: str) -> set[str]:
    """The tables that have one of the texts."""
    return {name for name, text in texts(door).items() if any(each in text for each in said)}


@pytest.fixture
def person(door) -> dict[str, Any]:
    """A row that has left traces everywhere."""
    (key,) = door.fresh()
    name = f"Zanzibar{key}"
    once = {"Idempotency-Key": f"k{key}"}
    row = {"id": key, "department": name}
    assert door.rows([row], headers=once).status_code == 201
    assert door.rows([row], headers={"Idempotency-Key": f"r{key}"}).status_code == 422
    rejected = door.rows([{**row, "boss": name}]).json()["rejections"][0]["rejection_id"]
    tried = door.client.post(f"/v1/rejections/{rejected}/replay", json={**row, "chief": name})
    assert tried.status_code == 422
    said = {"department": f"{name} II"}
    assert door.client.patch(path_of(key), json=said, headers={"Idempotency-Key": f"p{key}"})
    assert where(door, name) >= {
        'core."departments"', 'ops."changes"', 'ops."rejections"', 'ops."replays"',
        'ops."idempotency_keys"',
    }  # fmt: skip
    return {"id": key, "name": name, "rejected": rejected}


def test_no_trace_is_left_but_that_it_was_done(door, person):
    key, name = person["id"], person["name"]
    answer = door.client.post(f"{path_of(key)}/erase", json=WHY)
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["rows"]
    assert (row["row"], row["traces"]["changes"], row["traces"]["rejections"]) == (True, 1, 2)
    assert row["traces"]["answers"] >= 2
    assert answer.json()["backups"] == []
    assert where(door, name) == set()
    trail = door.client.get("/v1/trail?action=row.erase&limit=1").json()["entries"][0]
    assert (trail["subject"], trail["detail"]) == (f"{TABLE}/{row['key_hash'][:16]}", WHY["reason"])
    assert str(key) not in str(trail)
    load = door.client.get(f"/v1/loads/{answer.json()['load_id']}").json()
    assert (load["kind"], load["received"], load["removed"]) == ("erasure", 1, 1)
    assert door.client.get(f"{path_of(key)}/history").status_code == 404
    rejection = door.client.get(f"/v1/rejections/{person['rejected']}").json()
    assert (rejection["status"], rejection["payload"]) == ("dismissed", {"erased": True})
    again = door.client.post(f"{path_of(key)}/erase", json=WHY)
    assert is_problem(again, 404, "not-found")
    audit = door.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]


def test_no_door_lets_it_in_again_until_that_is_allowed(door, person):
    key, name = person["id"], person["name"]
    row = {"id": key, "department": name}
    (other,) = door.fresh()
    assert door.client.post(f"{path_of(key)}/erase", json=WHY).status_code == 200
    both = door.rows([row, {"id": other, "department": "other"}, {**row, "boss": 1}])
    assert (both.status_code, both.json()["accepted"]) == (207, 1)
    for rejected in both.json()["rejections"]:
        [violation] = rejected["violations"]
        assert (violation["column"], violation["rule"], violation["value"]) == (
            "id",
            "erased",
            None,
        )
    assert door.tables({TABLE: [row]}).status_code == 422
    assert door.client.put(path_of(key), json=row).status_code == 422
    replayed = door.client.post(f"/v1/rejections/{person['rejected']}/replay", json=row)
    assert replayed.status_code in (409, 422)
    assert where(door, name) <= {'ops."replays"'}  # nothing of what was kept out is kept
    assert door.client.delete(f"{path_of(key)}/erasure").status_code == 204
    assert is_problem(door.client.delete(f"{path_of(key)}/erasure"), 404, "not-found")
    assert door.rows([row]).status_code == 201


def test_a_trial_of_a_restore_knows_at_once_what_may_come_back(door, person):
    backup = door.client.post(f"/v1/tables/{TABLE}/backups").json()["backup_id"]
    assert door.client.post(f"{path_of(person['id'])}/erase", json=WHY).status_code == 200

    def planned():
        asked = {"backup_id": backup, "dry_run": True}
        return door.client.post(f"/v1/tables/{TABLE}/restore", json=asked).status_code

    assert planned() == 409
    assert door.client.delete(f"{path_of(person['id'])}/erasure").status_code == 204
    assert planned() == 200


def test_rows_that_refer_to_it_go_with_it_or_keep_it(door, person):
    (child,) = door.fresh()
    hired = {
        "id": child, "name": "Zuzu", "datetime": "2021-12-10T09:00:00Z",
        "department_id": person["id"], "job_id": 1,
    }  # fmt: skip
    assert door.rows([hired], table=HIRED).status_code == 201
    kept = door.client.post(f"{path_of(person['id'])}/erase", json=WHY)
    assert is_problem(kept, 409, "dangling-references")
    assert kept.json()["first_ids"] == [child]
    done = door.client.post(f"{path_of(person['id'])}/erase", json={**WHY, "cascade": True}).json()
    assert [(each["table"], each["row"]) for each in done["rows"]] == [(HIRED, True), (TABLE, True)]
    assert where(door, "Zuzu", person["name"]) == set()


def test_backups_are_told_and_written_anew_and_do_not_bring_it_back(door, person):
    key, name = person["id"], person["name"]
    backup = door.client.post(f"/v1/tables/{TABLE}/backups").json()
    set_id = door.client.post("/v1/backups").json()["set_id"]
    told = door.client.post(f"{path_of(key)}/erase", json=WHY).json()["backups"]
    assert backup["backup_id"] in {each["backup_id"] for each in told}
    assert {each["rewritten_to"] for each in told} == {None}
    asked = {"backup_id": backup["backup_id"]}
    refused = door.client.post(f"/v1/tables/{TABLE}/restore", json=asked)
    assert is_problem(refused, 409, "brings-back-erased")
    assert refused.json()["first_ids"] == [key]
    assert is_problem(
        door.client.post("/v1/restore", json={"set_id": set_id}), 409, "brings-back-erased"
    )
    trial = {**asked, "dry_run": True}
    for path, said in ((f"/v1/tables/{TABLE}/restore", trial), ("/v1/restore", {"set_id": set_id})):
        planned = door.client.post(path, json={**said, "dry_run": True})
        assert is_problem(planned, 409, "brings-back-erased")
        planned = door.client.post(path, json={**said, "dry_run": True, "with_erased": True})
        assert planned.status_code == 200, planned.text
    page = door.client.get(f"/tables/{TABLE}/restore?backup={backup['backup_id']}").text
    assert "1 erased row of departments would come back" in page.replace("&#39;", "'").lower()
    back = door.client.post(f"/v1/tables/{TABLE}/restore", json={**asked, "with_erased": True})
    assert back.status_code == 200, back.text
    assert door.kept([key]) == [key]
    changed = door.client.patch(path_of(key), json={"department": f"{name} IV"})
    assert changed.status_code == 200, changed.text  # it is erased no more
    done = door.client.post(f"{path_of(key)}/erase", json={**WHY, "backups": True}).json()
    new = {each["backup_id"]: each["rewritten_to"] for each in done["backups"]}
    assert None not in new.values()
    for old in new:
        assert door.client.get(f"/v1/backups/{old}").status_code == 404
    folder = Path(str(door.settings.backups.path))
    assert not [path for path in folder.rglob("*.avro") if name.encode() in path.read_bytes()]
    entry = door.client.get(f"/v1/backups/{new[backup['backup_id']]}").json()
    assert (entry["rows"], entry["created_at"]) == (backup["rows"] - 1, backup["created_at"])
    assert entry["sha256"] != backup["sha256"]
    restored = door.client.post("/v1/restore", json={"set_id": set_id})
    assert restored.status_code == 200, restored.text
    assert door.kept([key]) == []
    trail = door.client.get("/v1/trail?action=backup.rewrite").json()["entries"]
    assert {each["subject"] for each in trail} >= new.keys()
    audit = door.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]


def test_what_is_erased_can_be_erased_again_so_that_its_backups_go_too(door, person):
    backup = door.client.post(f"/v1/tables/{TABLE}/backups").json()["backup_id"]
    erase = f"{path_of(person['id'])}/erase"
    assert backup in door.client.post(erase, json=WHY).text
    again = door.client.post(erase, json={**WHY, "backups": True})
    assert again.status_code == 200, again.text
    told = {each["backup_id"]: each["rewritten_to"] for each in again.json()["backups"]}
    assert told[backup]
    assert door.client.post(erase, json={**WHY, "backups": True}).json()["backups"] == []
    assert is_problem(door.client.post(erase, json=WHY), 404, "not-found")
    assert door.client.get("/v1/audit").json()["ok"]


def test_rows_that_went_with_it_are_known_when_it_is_erased_again(door, person):
    child, other = door.fresh(2)
    hired = {
        "id": child, "name": "Zoroaster", "datetime": "2021-12-10T09:00:00Z",
        "department_id": person["id"], "job_id": 1,
    }  # fmt: skip
    rows = [hired, {**hired, "id": other, "name": "Zarathustra", "department_id": 1}]
    assert door.rows(rows, table=HIRED).status_code == 201
    kept = [door.client.post(f"/v1/tables/{each}/backups").json() for each in (TABLE, HIRED)]
    erase, asked = f"{path_of(person['id'])}/erase", {**WHY, "cascade": True}
    first = door.client.post(erase, json=asked).json()
    held = {each["backup_id"] for each in first["backups"]}
    assert held >= {each["backup_id"] for each in kept}
    assert door.client.post(f"{path_of(other, HIRED)}/erase", json=WHY).status_code == 200

    alone = door.client.post(erase, json={**WHY, "backups": True}).json()
    assert {each["table"] for each in alone["backups"]} == {TABLE}
    again = door.client.post(erase, json={**asked, "backups": True}).json()
    assert [(each["table"], each["row"]) for each in again["rows"]] == [
        (HIRED, False), (TABLE, False),
    ]  # fmt: skip
    assert {each["key_hash"] for each in again["rows"]} == {
        each["key_hash"] for each in first["rows"]
    }
    assert {each["table"] for each in again["backups"]} == {HIRED}
    new = {each["backup_id"]: each["rewritten_to"] for each in again["backups"]}
    entry = door.client.get(f"/v1/backups/{new[kept[1]['backup_id']]}").json()
    assert entry["rows"] == kept[1]["rows"] - 1  # the other was not erased with it
    once_more = door.client.post(erase, json={**asked, "backups": True}).json()
    assert (len(once_more["rows"]), once_more["backups"]) == (2, [])
    assert door.client.get("/v1/audit").json()["ok"]


def test_a_file_that_has_it_again_brings_in_its_other_lines(door, person):
    key, name = person["id"], person["name"]
    (other,) = door.fresh()
    lines = f"id,department\n{key},{name}\n{other},Other of {other}\n{key},{name} III\nx,{name}x\n"
    door.settings.seeds.mkdir(exist_ok=True)
    assert followed(door.client, send(door.client, TABLE, lines))["already_present"] == 0
    assert where(door, name) >= {'raw."departments"'}
    assert door.client.post(f"{path_of(key)}/erase", json=WHY).json()["rows"][0]["traces"]["lines"]
    assert where(door, f"{name}'", f"{name} III") == set()
    lines = lines.replace("Other of", "Another of").replace(f"x,{name}x\n", "")
    load = followed(door.client, send(door.client, TABLE, lines))
    assert (load["received"], load["rejected"]) == (3, 3)  # the other is there, with other content
    assert where(door, f"{name}'", f"{name} III", f"'{key}'") == set()
    found = door.client.get(f"/v1/rejections?load_id={load['load_id']}&rule=erased").json()
    assert [each["payload"] for each in found["rejections"]] == [{}, {}]
    audit = door.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]


@pytest.mark.parametrize(
    ("body", "status"), [({}, 400), ({"reason": ""}, 400), ({"reason": "x", "more": 1}, 400)]
)
def test_it_takes_a_reason(door, body, status):
    assert door.client.post(f"{path_of(1)}/erase", json=body).status_code == status


def test_what_was_never_there_is_not_found(door):
    for key in (98_765_432, "x"):
        assert is_problem(door.client.post(f"{path_of(key)}/erase", json=WHY), 404, "not-found")
