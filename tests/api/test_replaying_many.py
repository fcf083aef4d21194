"""POST /v1/rejections/replay: all open rejections tried again, or some that were corrected."""

import threading
from typing import Any

import duckdb
import httpx
import pytest

from service.warehouse import replays as in_writer
from tests.support import LOADS
from tests.support.answers import all_pages, is_problem
from tests.support.rows import department, hire, in_csv
from tests.support.services import client_of, serving
from tests.support.workers import PAUSE

TABLES = ("departments", "jobs", "hired_employees")


def send(client: httpx.Client, table: str, *rows: Any) -> list[str]:
    """Sends rows; the ids of the rejections of those that are kept out."""
    answer = client.post(f"/v1/tables/{table}/rows", json=list(rows))
    return [each["rejection_id"] for each in answer.json()["rejections"]]


def replay(client: httpx.Client, rows: Any = None, **options: Any) -> httpx.Response:
    content = {} if rows is None else {"json": rows}
    return client.post("/v1/rejections/replay", **content, **options)


def statuses(client: httpx.Client, *ids: str) -> list[str]:
    return [client.get(f"/v1/rejections/{each}").json()["status"] for each in ids]


def dismiss_history(settings: Any) -> None:
    """So that only what a test sends is open."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("update ops.rejections set status = 'dismissed'")


def counts(said: Any) -> tuple[int, int, int, int]:
    names = ("received", "accepted", "rejected", "already_present")
    return tuple(said[name] for name in names)


def test_the_missing_department_has_arrived(client, settings):
    dismiss_history(settings)
    waiting = send(client, "hired_employees", hire(9001, 901), hire(9002, 901), hire(9003, 902))
    send(client, "departments", department(901))

    said = replay(client).json()

    assert counts(said) == (3, 2, 1, 0)
    assert said["tables"] == {
        "hired_employees": {
            "received": 3,
            "accepted": 2,
            "changed": 0,
            "rejected": 1,
            "already_present": 0,
            "reasons": [{"column": "department_id", "rule": "relationships", "rows": 1}],
        }
    }
    assert statuses(client, *waiting) == ["accepted", "accepted", "open"]
    load = client.get(f"/v1/loads/{said['load_id']}").json()
    assert (load["kind"], load["status"], counts(load)) == ("replay", "done", (3, 2, 1, 0))
    assert load["finished_at"]
    assert client.get("/v1/audit").json()["ok"]


def test_a_row_that_waits_for_a_rejected_row_goes_in_with_it(client, settings):
    dismiss_history(settings)
    child = send(client, "hired_employees", hire(9001, 901, 901))
    job = send(client, "jobs", {"id": 901, "job": " "})
    parent = send(client, "departments", department(901, None))

    said = replay(
        client,
        [
            {"rejection_id": child[0]},
            {"rejection_id": job[0], "row": {"id": 901, "job": "Driver"}},
            {"rejection_id": parent[0], "row": department(901)},
        ],
    ).json()

    assert counts(said) == (3, 3, 0, 0)
    assert (said["rejections"], said["not_tried"]) == ([], [])
    assert list(said["tables"]) == list(TABLES)
    assert statuses(client, *child, *job, *parent) == ["accepted"] * 3
    load = client.get(f"/v1/loads/{said['load_id']}").json()
    assert load["table"] is None
    assert {name: each["accepted"] for name, each in load["tables"].items()} == dict.fromkeys(
        TABLES, 1
    )


def test_all_that_wait_go_in_at_once_whatever_waits_for_what(client, settings):
    """A department waits for its name to be accepted, an employee for the department."""
    dismiss_history(settings)
    child = send(client, "hired_employees", hire(9001, 901))
    with duckdb.connect(str(settings.warehouse)) as connection:  # as if a rule had been dropped
        parent = send(client, "departments", {**department(901), "extra": 1})
        connection.execute(
            'update ops.rejections set payload = \'{"id":901,"department":"A"}\''
            " where rejection_id = ?",
            parent,
        )
    assert counts(replay(client).json()) == (2, 2, 0, 0)
    assert statuses(client, *child, *parent) == ["accepted"] * 2


def test_only_the_rejections_of_one_table_if_that_is_asked_for(client, settings):
    dismiss_history(settings)
    hires = send(client, "hired_employees", hire(9001, 901))
    departments = send(client, "departments", department("x"))
    said = replay(client, params={"table": "departments"}).json()
    assert list(said["tables"]) == ["departments"]
    for rejection_id, attempts in ((hires[0], 0), (departments[0], 1)):
        assert len(client.get(f"/v1/rejections/{rejection_id}").json()["replays"]) == attempts
    assert is_problem(replay(client, params={"table": "nope"}), 404, "unknown-table")


def test_nothing_to_try_is_no_load(client, settings):
    dismiss_history(settings)
    before = client.get("/v1/loads").json()
    said = replay(client).json()
    assert said["load_id"] is None
    assert counts(said) == (0, 0, 0, 0)
    assert client.get("/v1/loads").json() == before


def test_rows_that_still_fail_open_no_other_rejection(client):
    before = {each["rejection_id"] for each in all_pages(client, "/v1/rejections", "rejections")}
    answers = [replay(client).json() for _ in range(2)]
    assert [said["received"] for said in answers] == [len(before)] * 2
    assert {said["accepted"] for said in answers} == {0}
    after = {each["rejection_id"] for each in all_pages(client, "/v1/rejections", "rejections")}
    assert after == before
    assert client.get("/v1/audit").json()["ok"]


def test_the_first_of_two_rows_with_one_id_goes_in(client, settings):
    dismiss_history(settings)
    first, second = send(client, "hired_employees", hire(9001, 901), hire(9001, 901, name="Else"))
    send(client, "departments", department(901))
    assert counts(replay(client).json()) == (2, 1, 1, 0)
    assert statuses(client, first, second) == ["accepted", "open"]


def test_corrected_rows_say_what_still_fails_and_what_was_not_tried(client):
    ids = send(client, "departments", *[department("x")] * 4)
    replay(client, [{"rejection_id": ids[0], "row": department(900)}])

    said = replay(
        client,
        [
            {"rejection_id": ids[0], "row": department(901)},
            {"rejection_id": ids[1], "row": department(902)},
            {"rejection_id": ids[1], "row": department(903)},
            {"rejection_id": ids[2], "row": department(1, " ")},
            {"rejection_id": ids[3], "text": {"id": "904", "department": "A", "_rest": ""}},
            {"rejection_id": "nope"},
        ],
    ).json()

    assert counts(said) == (3, 2, 1, 0)
    assert [
        (each["rejection_id"], [v["rule"] for v in each["violations"]])
        for each in said["rejections"]
    ] == [(ids[2], ["unique", "not_blank"])]
    assert {each["rejection_id"]: each["detail"] for each in said["not_tried"]} == {
        ids[0]: "its row has gone in",
        ids[1]: "it stands twice; the first was tried",
        "nope": "there is no such rejection",
    }
    kept = [client.get(f"/v1/tables/departments/rows/{n}").status_code for n in range(900, 905)]
    assert kept == [200, 404, 200, 404, 200]


def test_text_is_read_as_a_line_of_csv_and_rows_as_json(client):
    first, second, third = send(client, "departments", *[department("x")] * 3)
    said = replay(
        client,
        [
            {"rejection_id": first, "text": {"id": "901", "department": "A"}},
            {"rejection_id": second, "row": {"id": "902", "department": "A"}},
            {"rejection_id": third, "text": {"id": "903", "department": ""}},
        ],
    ).json()
    failed = {
        each["rejection_id"]: [v["rule"] for v in each["violations"]] for each in said["rejections"]
    }
    assert failed == {second: ["type"], third: ["not_null"]}


def test_the_same_request_under_one_key_is_done_once(client):
    (first,) = send(client, "departments", department("x"))
    rows, headers = [{"rejection_id": first, "row": department(900)}], {"Idempotency-Key": "k"}
    answers = [replay(client, rows, headers=headers) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("rows", "status", "slug"),
    [
        ([], 422, "wrong-number-of-rows"),
        ([{"rejection_id": "x"}] * 1001, 422, "wrong-number-of-rows"),
        ({}, 400, "malformed-body"),
        ([{"rejection_id": "x", "row": {}, "text": {}}], 400, "malformed-body"),
        ([{"rejection_id": "x", "rows": {}}], 400, "malformed-body"),
        ([{"rejection_id": "x", "text": {"id": 1}}], 400, "malformed-body"),
    ],
)
def test_what_is_no_list_of_corrected_rows_is_refused(client, rows, status, slug):
    assert is_problem(replay(client, rows), status, slug)


def test_rows_and_a_table_are_refused(client):
    answer = replay(client, [{"rejection_id": "x"}], params={"table": "jobs"})
    assert is_problem(answer, 400, "bad-request")
    csv = {"content": in_csv([department(1)]), "headers": {"Content-Type": "text/csv"}}
    assert is_problem(replay(client, **csv), 415, "unsupported-format")


def test_two_who_correct_one_row_at_the_same_time_put_in_one(client):
    (first,) = send(client, "departments", department("x"))
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(
            target=lambda n=n: answers.append(
                client.post(f"/v1/rejections/{first}/replay", json=department(n))
            )
        )
        for n in range(900, 908)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    kept = [client.get(f"/v1/tables/departments/rows/{n}").status_code for n in range(900, 908)]
    assert sorted(kept) == [200] + [404] * 7
    assert client.get("/v1/audit").json()["ok"]


def test_a_failure_leaves_each_row_as_it_was_or_in(client, settings, monkeypatch):
    """The disk may be full in the middle of it."""
    dismiss_history(settings)
    ids = send(client, "hired_employees", hire(9001, 901))
    send(client, "departments", department(901))

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("service.warehouse.writer.record", full)
        answer = replay(client)
    assert is_problem(answer, 507, "no-space")
    assert statuses(client, *ids) == ["open"]
    (load,) = client.get("/v1/loads?kind=replay").json()["loads"]
    assert (load["status"], counts(load)) == ("failed", (0, 0, 0, 0))
    assert client.get("/v1/audit").json()["ok"]
    assert counts(replay(client).json()) == (1, 1, 0, 0)


def test_what_a_killed_service_has_left_is_said_to_have_ended(settings):
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(
            f"insert into {LOADS} values ('left', 'jobs', 'replay', null, 'running', 0, 0, 0, 0,"
            " now(), null, null, null)"
        )
    with serving(settings) as client:
        load = client.get("/v1/loads/left").json()
    assert load["status"] == "failed"
    assert load["finished_at"]


def test_the_writer_says_which_rows_have_gone_in(client, settings):
    first, second = send(client, "departments", *[department("x")] * 2)
    replay(client, [{"rejection_id": first, "row": department(900)}])
    tries = [in_writer.Retry(each, None, "[]") for each in (first, second)]
    with duckdb.connect(str(settings.warehouse)) as connection:
        gone_in = in_writer.settled(connection, in_writer.Retries(tries), {"else"})
        assert gone_in is not None
        assert gone_in.members["rejection_ids"] == [first]
        assert in_writer.settled(connection, in_writer.Retries(tries[1:]), set()) is None


@pytest.mark.slow
def test_a_hundred_thousand_open_rejections_are_tried_while_inserts_go_on(client, settings):
    dismiss_history(settings)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(
            f"insert into {LOADS} values ('much', 'hired_employees', 'file', 'f', 'done', 100000,"
            " 0, 100000, 0, now(), now(), null, null)"
        )
        connection.execute("""
            insert into ops.rejections
                (rejection_id, load_id, table_name, position, payload, violations, rejected_at,
                status)
            select
                'much-' || i, 'much', 'hired_employees', i,
                to_json({'id': cast(1000000 + i as varchar), 'name': 'Ana', 'datetime':
                    '2021-07-27T16:02:08Z', 'department_id': '901', 'job_id': '1'}),
                '[{"column":"department_id","rule":"relationships","message":"x","value":"901"}]',
                cast(timezone('UTC', now()) as timestamp), 'open'
            from range(100000) as lines (i)
        """)
    send(client, "departments", department(901))
    answers: list[Any] = []
    other = client_of(client.base_url, 120)
    thread = threading.Thread(
        target=lambda: answers.append(other.post("/v1/rejections/replay").json())
    )
    thread.start()
    inserted = 0
    while thread.is_alive():
        PAUSE(0.02)
        inserted += 1
        answer = client.post("/v1/tables/jobs/rows", json={"id": 1000 + inserted, "job": "A"})
        assert answer.status_code == 201
    thread.join()
    other.close()
    assert inserted > 10
    assert counts(answers[0]) == (100_000, 100_000, 0, 0)
    assert client.get("/v1/rejections/summary").json()["open"] == 0
    assert client.get("/v1/audit").json()["ok"]
