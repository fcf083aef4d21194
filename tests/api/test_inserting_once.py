"""Idempotency-Key: a request that comes again changes nothing and gets its first answer again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.answers import is_problem
from tests.support.door import Door
from tests.support.rows import CSV, FORMATS, JSON, department, hire, job
from tests.support.services import serving

REPLAYED = "idempotency-replayed"


def same(one: httpx.Response, other: httpx.Response) -> bool:
    """Whether an answer is the other one again."""
    names = ("content-type", "preference-applied")
    said = [
        (each.status_code, each.content, *map(each.headers.get, names)) for each in (one, other)
    ]
    return said[0] == said[1]


def outcomes(door: Door) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """A status that may be answered, and rows that get it."""
    one, two, three = door.fresh(3)
    return {
        "accepted": (201, [department(one), department(two)]),
        "in part": (207, [department(three), department(0)]),
        "rejected": (422, [department(1)]),
        "too many": (422, [department(n) for n in range(1001)]),
    }


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("which", ["accepted", "in part", "rejected", "too many"])
def test_a_repeat_gets_the_first_answer_and_changes_nothing(door: Door, which, kind):
    status, rows = outcomes(door)[which]
    key = {"idempotency-key": f"{which} as {kind}"}
    first = door.rows(rows, kind=kind, headers=key)
    assert first.status_code == status
    assert REPLAYED not in first.headers
    before = door.everything()
    for encoding in ("identity", "gzip"):  # the same body, however it travels
        again = door.rows(rows, kind=kind, encoding=encoding, headers=key)
        assert same(first, again)
        assert again.headers[REPLAYED] == "true"
    assert door.everything() == before


def test_a_strict_refusal_and_a_request_for_several_tables_are_repeated_too(door: Door):
    key = {"idempotency-key": "strict", "prefer": "handling=strict"}
    one, two = door.fresh(2)
    first = door.tables({"departments": [department(one)], "jobs": [job(0)]}, key)
    assert first.status_code == 422
    assert same(first, door.tables({"departments": [department(one)], "jobs": [job(0)]}, key))
    key = {"idempotency-key": "many"}
    rows = {"hired_employees": [hire(two, one)], "departments": [department(one)]}
    first = door.tables(rows, key)
    assert first.status_code == 201
    assert same(first, door.tables(rows, key))


def test_the_same_key_with_another_request_is_refused(door: Door):
    one, two = door.fresh(2)
    key = {"idempotency-key": "mine"}
    assert door.rows([department(one)], headers=key).status_code == 201
    before = door.everything()
    others = [
        door.rows([department(two)], headers=key),
        door.rows([department(one)], "jobs", headers=key),
        door.rows([], headers=key),
        door.rows([department(two)] * 1001, headers=key),
        door.tables({"departments": [department(two)]}, headers=key),
    ]
    assert all(is_problem(other, 422, "idempotency-key-reused") for other in others)
    assert door.everything() == before


def test_what_could_not_be_read_takes_no_key(door: Door):
    [number] = door.fresh()
    key = {"idempotency-key": "typo"}
    assert door.rows(b"[{", headers=key).status_code == 400
    assert door.rows([department(number)], kind="text/plain", headers=key).status_code == 415
    assert door.rows([department(number)], "nothing", headers=key).status_code == 404
    assert door.rows([department(number)], headers=key).status_code == 201


@pytest.mark.parametrize("key", ["k", "x" * 255, 'with "quotes", commas; and spaces', "ünïcode-é"])
def test_a_key_may_be_anything_up_to_255_characters(door: Door, key):
    [number] = door.fresh()
    headers = {"idempotency-key": key.encode("latin-1")}
    first = door.rows([department(number)], headers=headers)
    assert first.status_code == 201
    assert same(first, door.rows([department(number)], headers=headers))


@pytest.mark.parametrize("key", ["", "x" * 256, "x" * 300])
def test_a_key_that_is_empty_or_too_long_is_refused(door: Door, key):
    [number] = door.fresh()
    answer = door.rows([department(number)], headers={"idempotency-key": key})
    assert is_problem(answer, 400, "bad-request")
    assert door.kept([number]) == []


def test_of_many_at_once_with_the_same_key_one_is_done(door: Door):
    for body in ([department(n) for n in door.fresh(50)], [department(1)] * 1001):
        key = {"idempotency-key": f"many {len(body)}"}
        loads = door.ask("select count(distinct load_id) from ops.loads")[0][0]
        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(door.rows, body, headers=key) for _ in range(48)]
            answers = [each.result() for each in asked]
        assert all(same(answers[0], answer) for answer in answers)
        assert [REPLAYED in answer.headers for answer in answers].count(False) == 1
        assert door.ask("select count(distinct load_id) from ops.loads") == [(loads + 1,)]


def test_of_many_at_once_with_one_key_and_different_bodies_one_goes_in(door: Door):
    numbers = door.fresh(12)
    key = {"idempotency-key": "contended"}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: door.rows([department(n)], headers=key), numbers))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [422] * 11
    [winner] = [n for n, a in zip(numbers, answers, strict=True) if a.status_code == 201]
    assert door.kept(numbers) == [winner]


def test_a_key_is_known_after_a_restart_until_it_is_old(settings: Settings):
    def ask() -> httpx.Response:
        with serving(settings) as client:
            body = b"id,department\n5000,x\n5001,\n"
            headers = {"idempotency-key": "over night", "content-type": CSV}
            return client.post("/v1/tables/departments/rows", content=body, headers=headers)

    first, second = ask(), ask()
    assert first.status_code == 207
    assert same(first, second)
    assert second.headers[REPLAYED] == "true"
    age(settings, hours=23)
    assert same(first, ask())
    age(settings, hours=2)
    third = ask()
    assert third.status_code == 422  # it is a new request, and 5000 is there
    assert REPLAYED not in third.headers


def age(settings: Settings, hours: int) -> None:
    """Has all keys been used so much earlier."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute(
            f"update ops.idempotency_keys set created_at = created_at - interval {hours} hours"
        )


def test_a_key_is_kept_with_the_rows_or_not_at_all(door: Door):
    [number] = door.fresh()
    key = {"idempotency-key": "broken disk"}
    rows = [department(number)]
    with duckdb.connect(str(door.settings.warehouse)) as connection:
        connection.execute("alter table ops.idempotency_keys rename column status to state")
        failed = door.rows(rows, headers=key)
        connection.execute("alter table ops.idempotency_keys rename column state to status")
    assert is_problem(failed, 503, "unavailable")
    assert int(failed.headers["retry-after"]) >= 1
    assert door.kept([number]) == []
    repeated = door.rows(rows, headers=key, kind=JSON)
    assert repeated.status_code == 201
    assert REPLAYED not in repeated.headers
