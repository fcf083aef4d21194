"""The rows that a restore would bring back, remove or change, page by page; and how far it is."""

import csv
import io
import shutil
import threading
from collections.abc import Iterator

import httpx
import pytest

from service.doors import differences
from tests.support.answers import is_problem
from tests.support.services import copied, serving_by

JOBS = "/v1/tables/jobs"
HIRES = "/v1/tables/hired_employees/rows"
MORE = range(900, 912)


@pytest.fixture(scope="module")
def desk(built, contract, tmp_path_factory) -> Iterator[tuple[httpx.Client, str, dict, dict]]:
    """A service, the id of a backup of jobs, and the rows of it and of the table, by id.

    To look at, but for the last tests.
    """
    own = copied(built, tmp_path_factory.mktemp("desk"))
    with serving_by(contract, own) as client:
        first = client.post(f"{JOBS}/backups").json()["backup_id"]
        insert(client, *({"id": i, "job": f"J {i}"} for i in MORE))
        backup = client.post(f"{JOBS}/backups").json()["backup_id"]
        then = rows(client)
        client.post(f"{JOBS}/restore", json={"backup_id": first}).raise_for_status()
        insert(client, *({"id": i, "job": f"J {i}" if i % 2 else "other"} for i in MORE[:8]))
        insert(client, {"id": 1000, "job": "new"}, {"id": 1001, "job": "new"})
        yield client, backup, then, rows(client)


def insert(client, *new):
    assert client.post(f"{JOBS}/rows", json=list(new)).status_code == 201


def rows(client):
    found = client.get(f"{JOBS}/rows?limit=10000").json()["rows"]
    return {row["id"]: row for row in found}


def expected(then, now, kind=None):
    found = []
    for key in sorted(then.keys() | now.keys()):
        before, after = now.get(key), then.get(key)
        if before != after:
            what = "added" if before is None else "removed" if after is None else "changed"
            columns = ["job"] if what == "changed" else []
            found.append(
                {"kind": what, "key": key, "before": before, "after": after, "columns": columns}
            )
    return [each for each in found if kind in (None, each["kind"])]


def path_of(backup):
    return f"/v1/backups/{backup}/difference"


def all_pages(client, backup, **asked):
    found: list[dict] = []
    after: dict[str, str] = {}
    while True:
        page = client.get(path_of(backup), params={**asked, **after}).json()
        found += page["rows"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def test_old_and_new_values_stand_side_by_side(desk):
    client, backup, then, now = desk
    said = client.get(path_of(backup)).json()
    assert said["rows"] == expected(then, now)
    assert (said["rows_before"], said["rows_after"]) == (len(now), len(then))
    counts = [len(expected(then, now, kind)) for kind in ("added", "removed", "changed")]
    assert [said["added"], said["removed"], said["changed"]] == counts == [4, 2, 4]
    asked = {"backup_id": backup, "dry_run": True}
    plan = client.post(f"{JOBS}/restore", json=asked).json()
    assert {name: plan[name] for name in said if name in plan} == {
        name: said[name] for name in said if name in plan
    }


@pytest.mark.parametrize("kind", [None, "added", "removed", "changed"])
@pytest.mark.parametrize("limit", [1, 3, 4, 100])
def test_pages_have_every_row_once_whatever_is_remembered(desk, monkeypatch, kind, limit):
    client, backup, then, now = desk
    asked = {"limit": limit, **({"kind": kind} if kind else {})}
    assert all_pages(client, backup, **asked) == expected(then, now, kind)
    # Behind what is remembered: it is found anew.
    monkeypatch.setattr(differences, "WINDOW", 2)
    monkeypatch.setattr(differences, "KEPT", 1)
    assert all_pages(client, backup, **asked) == expected(then, now, kind)


def test_as_csv_each_row_is_a_line(desk):
    client, backup, then, now = desk
    answer = client.get(path_of(backup), headers={"Accept": "text/csv"})
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(line["key"]) for line in lines] == [each["key"] for each in expected(then, now)]


@pytest.mark.parametrize("after", ["x", "WzFd", "WyJ4IiwgInkiXQ"])
def test_a_page_that_is_none_of_ours_is_refused(desk, after):
    client, backup, *_ = desk
    answer = client.get(path_of(backup), params={"after": after})
    assert is_problem(answer, 400, "bad-request")


def test_what_is_not_there_is_not_found(desk):
    client, *_ = desk
    assert is_problem(client.get("/v1/backups/nothing/difference"), 404, "not-found")
    assert is_problem(client.get("/v1/tasks/nothing"), 404, "not-found")


def test_each_backup_and_restore_is_a_task_that_says_how_far_it_came(desk):
    client, backup, then, _ = desk
    newest = client.get("/v1/tasks").json()["tasks"]
    assert {each["kind"] for each in newest} == {"backup", "restore", "comparison"}
    times = [each["started_at"] for each in newest]
    assert times == sorted(times, reverse=True)
    for each in newest:
        assert each["status"] == "done"
        assert each["finished_at"] >= each["started_at"]
        assert each["progress"]["rows_done"] == each["progress"]["rows"]
        assert client.get(f"/v1/tasks/{each['task_id']}").json() == each
    made = next(each for each in newest if each["backup_ids"] == [backup])
    assert made["tables"] == ["jobs"]
    taken = [each for each in newest if each["kind"] == "backup" and each["tables"] == ["jobs"]]
    assert taken[0]["progress"] == {
        "phase": "backing up",
        "rows_done": len(then),
        "rows": len(then),
    }


def test_what_came_in_since_is_in_the_next_difference_and_not_in_pages_of_the_one_before(desk):
    client, backup, then, now = desk
    first = client.get(path_of(backup), params={"limit": 2}).json()
    insert(client, {"id": 1002, "job": "later"})
    rest = all_pages(client, backup, limit=2, after=first["next"])
    assert first["rows"] + rest == expected(then, now)
    assert all_pages(client, backup) == expected(then, rows(client))
    assert all_pages(client, backup)[-1]["key"] == 1002


def test_many_who_ask_at_once_have_one_comparison_made(desk):
    client, backup, *_ = desk
    insert(client, {"id": 1003, "job": "later still"})
    before = len(client.get("/v1/tasks").json()["tasks"])
    barrier, found = threading.Barrier(5), []

    def ask():
        barrier.wait()
        found.append(client.get(path_of(backup)).json()["removed"])

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({*found}) == 1
    assert len(client.get("/v1/tasks").json()["tasks"]) == before + 1


def test_a_failure_is_told_and_is_a_task_that_failed(desk, built):
    client, *_ = desk
    made = client.post(f"{JOBS}/backups").json()
    (file,) = built.warehouse.parents[1].glob(f"**/{made['file']}")
    shutil.copyfile(file, kept := file.with_suffix(".kept"))
    file.write_bytes(file.read_bytes()[:-1])
    answer = client.get(path_of(made["backup_id"]))
    assert is_problem(answer, 422, "damaged-backup")
    newest = client.get("/v1/tasks").json()["tasks"][0]
    assert (newest["status"], newest["kind"]) == ("failed", "comparison")
    assert newest["message"] == answer.json()["detail"]
    kept.rename(file)
    assert client.get(path_of(made["backup_id"])).json()["rows"] == []  # it is tried again


def test_a_dry_run_takes_what_was_compared_for_as_long_as_it_is_true(desk):
    client, *_ = desk
    made = client.post("/v1/tables/departments/backups").json()["backup_id"]
    rows = {"departments": [{"id": 700, "department": "new"}]}
    assert client.post("/v1/rows", json=rows).status_code == 201
    compared = len(comparisons(client))

    def planned():
        asked = {"backup_id": made, "dry_run": True}
        return client.post("/v1/tables/departments/restore", json=asked)

    first = planned()
    assert first.json()["removed"] == 1
    assert len(comparisons(client)) == compared + 1
    assert client.get(path_of(made)).json()["removed"] == 1
    assert planned().json() == first.json()
    assert len(comparisons(client)) == compared + 1
    hire = {"name": "A", "datetime": "2021-01-01T00:00:00Z", "department_id": 700, "job_id": 1}
    assert client.post(HIRES, json=[{"id": 70_000, **hire}]).status_code == 201
    refused = planned()  # the table is as it was, but now a row refers to what would go
    assert (refused.status_code, refused.json()["first_ids"]) == (409, [70_000])


def comparisons(client):
    tasks = client.get("/v1/tasks").json()["tasks"]
    return [each for each in tasks if each["kind"] == "comparison"]
