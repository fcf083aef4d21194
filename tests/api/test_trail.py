"""The trail: who did what and when."""

import pytest

from service.access import keys_file
from tests.support.answers import all_pages, is_problem

JOBS = "/v1/tables/jobs"


@pytest.fixture
def boss(settings, client, contract):
    """An operator's client."""
    _, secret = keys_file.create(settings.keys_file, "boss", "operator", None, "local:me")
    client.headers["Authorization"] = f"Bearer {secret}"
    client.event_hooks["response"].append(contract.check)
    return client


def actions(client, **wanted):
    entries = client.get("/v1/trail", params=wanted).json()["entries"]
    return [(each["actor"], each["action"], each["subject"]) for each in entries]


def test_everything_that_is_done_is_on_record_with_who_did_it(boss):
    boss.post(f"{JOBS}/rows", json=[{"id": 9001, "job": "a"}, {"id": 9002, "job": None}])
    (rejection,) = boss.get("/v1/rejections?table=jobs&status=open&limit=1").json()["rejections"]
    boss.delete(f"/v1/rejections/{rejection['rejection_id']}?reason=gone")
    one = boss.post(f"{JOBS}/backups").json()["backup_id"]
    set_ = boss.post("/v1/backups").json()
    restored = boss.post(f"{JOBS}/restore", json={"backup_id": one}).json()
    boss.delete(f"/v1/backups/{one}")
    build = boss.post("/v1/builds").json()["build_id"]
    boss.post("/v1/keys", json={"name": "app", "role": "reader"})
    boss.delete("/v1/keys/app")
    done = actions(boss, actor="boss")
    assert restored["safety_backup_id"]
    assert done == [
        ("boss", "key.revoke", "app"),
        ("boss", "key.create", "app"),
        ("boss", "build", build),
        ("boss", "backup.delete", one),
        ("boss", "load.restore", "jobs"),
        ("boss", "restore", one),
        *(("boss", "backup.create", each["backup_id"]) for each in reversed(set_["backups"])),
        ("boss", "backup.create", one),
        ("boss", "rejection.dismiss", rejection["rejection_id"]),
        ("boss", "load.batch", "jobs"),
    ]
    assert ("local:me", "key.create", "boss") in actions(boss)
    assert boss.get("/v1/builds").json()["builds"][0]["actor"] == "boss"


def test_a_load_says_who_asked_for_it(boss):
    load_id = boss.post(f"{JOBS}/rows", json=[{"id": 9001, "job": "a"}]).json()["load_id"]
    assert boss.get(f"/v1/loads/{load_id}").json()["actor"] == "boss"
    refused = boss.post(f"{JOBS}/rows", json=[])
    assert boss.get("/v1/loads?limit=1").json()["loads"][0]["actor"] == "boss", refused.text


def test_it_is_filtered_and_paged_newest_first(boss):
    for number in range(5):
        boss.post(f"{JOBS}/rows", json=[{"id": 9001 + number, "job": "a"}])
    everything = all_pages(boss, "/v1/trail?limit=2", "entries")
    assert len({each["entry_id"] for each in everything}) == len(everything)
    moments = [each["happened_at"] for each in everything]
    assert moments == sorted(moments, reverse=True)
    assert everything == boss.get("/v1/trail").json()["entries"]
    assert len(actions(boss, action="load.batch")) == 5
    assert len(actions(boss, action="load")) == 5 + len(actions(boss, action="load.history"))
    assert actions(boss, action="loa") == actions(boss, actor="no one") == []
    middle = everything[3]["happened_at"]
    assert len(actions(boss, since=middle)) == 4


def test_what_is_no_moment_is_told(boss):
    assert is_problem(boss.get("/v1/trail?since=yesterday"), 400, "bad-request")


def test_nothing_in_it_can_be_changed(boss):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert boss.request(method, "/v1/trail").status_code == 405
