"""A gate that lives: rows come in, are rejected, corrected, changed and taken back."""

from collections.abc import Iterator, Sequence
from itertools import count, islice

import httpx

from tests.support.rows import Row, bad_hire, department, hire, job

FIRST = 1_000_000  # an id that the seeds do not have
LATE = 900  # a department that is there only after its hires were sent
MOST = 1000  # rows of a request
CHANGED = 12  # rows: a third is set, a third patched, a third removed
HIRES = "/v1/tables/hired_employees"


def live(client: httpx.Client, rows: int) -> None:
    """Sends so many hires, a tenth of which do not fit; half of those are made good by replays.

    Then rows are set, patched and removed, and what was done to the jobs is undone by a restore.
    """
    sent = _hires()
    while batch := list(islice(sent, min(MOST, rows))):
        rows -= len(batch)
        _done(client.post(f"{HIRES}/rows", json=batch), 207)
    _correct(client)
    for number in range(FIRST + 1, FIRST + 1 + CHANGED):
        row = f"{HIRES}/rows/{number}"
        match number % 3:
            case 0:
                _done(client.put(row, json=hire(number, 2, 3, "Set")), 200)
            case 1:
                _done(client.patch(row, json={"name": "Patched"}), 200)
            case _:
                _done(client.delete(row), 200)
    _restore(client)


def _hires() -> Iterator[Row]:
    """Of twenty hires one has no department yet, and one breaks every rule."""
    for number in count(FIRST):
        match number % 20:
            case 0:
                yield hire(number, LATE)
            case 19:
                yield bad_hire(number)
            case _:
                yield hire(number, number % 12 + 1, number % 183 + 1, f"Name {number % 97}")


def _correct(client: httpx.Client) -> None:
    """The department that was missing comes; a row that was bad is sent as it should be."""
    listed = client.get("/v1/rejections?table=hired_employees&status=open&limit=1").json()
    rejection = client.get(f"/v1/rejections/{listed['rejections'][0]['rejection_id']}").json()
    corrected = {"rejection_id": rejection["rejection_id"], "row": hire(2 * FIRST)}
    _done(client.post("/v1/rejections/replay", json=[corrected]), 200)
    _done(client.post("/v1/tables/departments/rows", json=[department(LATE)]), 201)
    replayed = client.post("/v1/rejections/replay")
    _done(replayed, 200)
    assert replayed.json()["accepted"] > 0


def _restore(client: httpx.Client) -> None:
    backup = client.post("/v1/tables/jobs/backups").json()["backup_id"]
    jobs: Sequence[Row] = [job(FIRST + number) for number in range(5)]
    _done(client.post("/v1/tables/jobs/rows", json=jobs), 201)
    _done(client.patch("/v1/tables/jobs/rows/1", json={"job": "Another"}), 200)
    restored = client.post("/v1/tables/jobs/restore", json={"backup_id": backup})
    _done(restored, 200)
    assert restored.json()["removed"] >= len(jobs)


def _done(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
