"""Whatever changes rows or books is in the feed: replaying it gives the tables."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import httpx
import msgspec
import pytest

from service.runtime.locations import Location
from service.runtime.settings import Settings
from tests.support.answers import ended, is_problem
from tests.support.contract import Contract
from tests.support.lakes import ReadLake, Row, read_lake
from tests.support.services import copied, serving_by
from tests.support.stores import Place
from tests.support.uploads import followed, send

TABLES = ("departments", "jobs", "hired_employees")
BOOKS = ("loads", "rejections", "replays")


class Fed:
    """A service with a lake that is shipped to only when it is told to."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        assert settings.lake
        self.client, self.settings = client, settings
        self.store = Place(settings.lake).open()
        self.seen = 0  # sequences that a test before has made
        self._ids = count(1_000_000)

    def next_id(self) -> int:
        return next(self._ids)

    def stored(self, table: str) -> list[Row]:
        """What the warehouse has; the service runs in this process."""
        with duckdb.connect(str(self.settings.warehouse)) as connection:
            found = connection.execute(f"select * from {table}").to_arrow_table().to_pylist()
        return [{name: row[name] for name in row if name != "number"} for row in found]

    def shipped(self) -> ReadLake:
        """The lake with all that there is, which is what the tables are."""
        answer = self.client.post("/v1/lake/ship")
        assert answer.status_code == 200, answer.text
        assert answer.json()["waiting"] == 0
        lake = read_lake(self.store)
        assert lake.last == answer.json()["recorded"]
        for table in TABLES:
            assert _same(lake.state(table), self.stored(f"core.{table}")), table
        for book in BOOKS:
            assert _same(lake.state(f"_{book}"), self.stored(f"ops.{book}")), book
        return lake

    def news(self, table: str) -> list[tuple[str, Any]]:
        """(operation, row) of what was shipped of a table since this was asked last."""
        lake = self.shipped()
        found = [row for row in lake.rows.get(table, []) if row["_sequence"] > self.seen]
        self.seen = lake.last
        return [(row["_operation"], row) for row in found]

    def insert(self, rows: list[Row], status: int = 201, **options: Any) -> Any:
        answer = self.client.post("/v1/tables/hired_employees/rows", json=rows, **options)
        assert answer.status_code == status, answer.text
        return answer.json()


def _same(found: list[Row], wanted: list[Row]) -> bool:
    return sorted(repr(sorted(row.items())) for row in found) == sorted(
        repr(sorted(row.items())) for row in wanted
    )


@pytest.fixture(scope="module")
def fed(
    built: Settings, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fed]:
    folder = tmp_path_factory.mktemp("lake")
    settings = msgspec.structs.replace(
        copied(built, folder), lake=Location(folder / "lake"), lake_segment_seconds=3600
    )
    with serving_by(contract, settings) as client:
        fed = Fed(client, settings)
        fed.seen = fed.shipped().last
        yield fed


@pytest.fixture(autouse=True)
def _only_news(fed: Fed) -> None:
    fed.seen = fed.shipped().last


def row(number: int, **other: Any) -> Row:
    said = {"id": number, "name": "Ada", "datetime": "2021-12-10T09:00:00Z"}
    return {**said, "department_id": 1, "job_id": 1, **other}


def test_the_first_segment_is_all_that_there_was(fed: Fed) -> None:
    first = read_lake(fed.store).segments[0]
    assert (first["first"], first["last"], first["snapshot"]) == (1, 1, True)
    assert {file["table"] for file in first["files"]} == {
        *TABLES,
        *(f"_{book}" for book in BOOKS),
        "_dictionary",
    }


def test_rows_of_a_commit_have_one_sequence_and_their_load(fed: Fed) -> None:
    rows = [row(n) for n in range(900_000, 900_100)] + [row(900_000), row(7, name=None)]
    load_id = fed.insert(rows, 207)["load_id"]
    found = [each for _, each in fed.news("hired_employees")]
    assert [each["id"] for each in found] == [*range(900_000, 900_100)]
    assert {(each["_operation"], each["_load_id"]) for each in found} == {("insert", load_id)}
    assert len({each["_sequence"] for each in found}) == 1


def test_tables_of_one_request_are_one_commit(fed: Fed) -> None:
    both = {"departments": [{"id": 700, "department": "New"}], "jobs": [{"id": 700, "job": "Cook"}]}
    assert fed.client.post("/v1/rows", json=both).status_code == 201
    lake, seen = fed.shipped(), fed.seen
    found = [r["_sequence"] for t in ("departments", "jobs") for r in lake.rows[t]]
    assert len([each for each in found if each > seen]) == 2
    assert len({each for each in found if each > seen}) == 1


def test_what_is_only_judged_or_fails_is_no_change(fed: Fed) -> None:
    fed.insert([row(901_000)], 200, params={"dry_run": "true"})
    fed.insert([row(901_000), row(1)], 422, headers={"Prefer": "handling=strict"})
    assert fed.news("hired_employees") == []


def test_a_replay_is_an_insert_and_what_became_of_its_rejection(fed: Fed) -> None:
    rejected = fed.insert([row(902_000, department_id=555)], 422)["rejections"][0]["rejection_id"]
    fed.shipped()
    corrected = fed.client.post(f"/v1/rejections/{rejected}/replay", json=row(902_000))
    assert corrected.status_code == 201, corrected.text
    changes = fed.news("_rejections")
    assert [each["status"] for _, each in changes] == ["open", "accepted"]


def test_many_replays_and_dismissals_are_in_it(fed: Fed) -> None:
    for number in range(3):
        fed.insert([row(903_000 + number, department_id=777)], 422)
    department = [{"id": 777, "department": "Late"}]
    assert fed.client.post("/v1/tables/departments/rows", json=department).status_code == 201
    fed.insert([row(903_100, job_id=888)], 422)
    fed.shipped()
    assert fed.client.post("/v1/rejections/replay").status_code == 200
    assert len(fed.news("hired_employees")) == 3
    left = fed.client.get("/v1/rejections", params={"status": "open"}).json()["rejections"]
    one = left[0]["rejection_id"]
    assert fed.client.delete(f"/v1/rejections/{one}", params={"reason": "no"}).is_success
    assert fed.client.post("/v1/rejections/dismiss", json={"reason": "none"}).is_success
    changes = {each["rejection_id"] for _, each in fed.news("_rejections")}
    assert changes == {each["rejection_id"] for each in left}


def test_rows_that_are_put_changed_and_removed_in_any_order_are_in_it(fed: Fed) -> None:
    random = Random("any order")
    for _ in range(40):
        number, name = 910_000 + random.randint(0, 4), f"Name {random.random()}"
        kind = random.choice(("PUT", "PATCH", "DELETE"))
        body = {"PUT": row(number, name=name), "PATCH": {"name": name}}.get(kind)
        href = f"/v1/tables/hired_employees/rows/{number}"
        answer = fed.client.request(kind, href, json=body)
        assert answer.status_code in (200, 201, 404), answer.text
    assert {kind for kind, _ in fed.news("hired_employees")} == {"insert", "update", "delete"}
    found = fed.client.post("/v1/lake/verify").json()
    assert found["ok"], found["problems"]


def test_a_restore_is_the_difference(fed: Fed) -> None:
    backup = fed.client.post("/v1/tables/jobs/backups").json()["backup_id"]
    jobs = [{"id": 801, "job": "Nurse"}]
    assert fed.client.post("/v1/tables/jobs/rows", json=jobs).status_code == 201
    later = fed.client.post("/v1/tables/jobs/backups").json()["backup_id"]
    fed.news("jobs")
    restored = fed.client.post("/v1/tables/jobs/restore", json={"backup_id": backup})
    assert restored.status_code == 200, restored.text
    [(operation, gone)] = fed.news("jobs")
    assert (operation, gone["id"], gone["job"]) == ("delete", 801, "Nurse")
    assert gone["_load_id"] == restored.json()["load_id"]
    assert fed.client.post("/v1/tables/jobs/restore", json={"backup_id": later}).is_success
    [(operation, back)] = fed.news("jobs")
    assert (operation, back["id"]) == ("insert", 801)


def test_a_file_and_a_build_are_in_it(fed: Fed) -> None:
    text = "id,job\n820,Pilot\n821,Baker\n820,Again\n,None\n"
    load = followed(fed.client, send(fed.client, "jobs", text))
    assert (load["accepted"], load["rejected"]) == (2, 2)
    found = fed.news("jobs")
    wanted = [("insert", number, load["load_id"]) for number in (820, 821)]
    assert [(op, r["id"], r["_load_id"]) for op, r in found] == wanted
    path = fed.settings.seeds / "raw_jobs.csv"
    path.write_text(path.read_text() + "830,Sailor\n,Nobody\n")
    assert _built(fed.client)["status"] == "done"
    assert [(op, r["id"]) for op, r in fed.news("jobs")] == [("insert", 830)]


def test_what_a_line_of_a_file_was_rejected_for_may_be_settled_by_another(fed: Fed) -> None:
    followed(fed.client, send(fed.client, "jobs", "id,job\n840,\n"))
    fed.news("_rejections")
    followed(fed.client, send(fed.client, "jobs", "id,job\n840,Miner\n"))
    assert [r["status"] for _, r in fed.news("_rejections")] == ["accepted"]


def _built(client: httpx.Client) -> dict[str, Any]:
    return ended(client, client.post("/v1/builds").json()["href"])


def test_the_feed_over_http_is_the_lake_and_then_the_outbox(fed: Fed) -> None:
    lake = fed.shipped()
    fed.insert([row(905_000)])
    lines = _followed_from(fed.client, 0)
    of_lake = {
        (r["_sequence"], table, r["_number"], r["_operation"])
        for table, rows in lake.rows.items()
        for r in rows
    }
    said = [(r["sequence"], r["table"], r["number"], r["operation"]) for r in lines]
    assert of_lake < set(said)
    assert len(said) == len(set(said))
    assert [r["sequence"] for r in lines] == sorted(r["sequence"] for r in lines)
    assert {r["sequence"] for r in lines} == set(range(1, lake.last + 2))
    [last] = [r for r in lines if r["sequence"] > lake.last and r["table"] == "hired_employees"]
    assert last["row"] == row(905_000)
    assert lines[-1]["table"] == "_loads"
    # What was in the outbox is the same when it is in the lake.
    fed.shipped()
    assert _sorted(_followed_from(fed.client, lake.last)) == _sorted(lines[-2:])
    assert _followed_from(fed.client, lake.last + 1) == []


def _sorted(lines: list[Row]) -> list[str]:
    return sorted(map(repr, lines))


def _followed_from(client: httpx.Client, after: int) -> list[Row]:
    """All lines behind a sequence, as a program reads them: some at a time."""
    lines: list[Row] = []
    while True:
        answer = client.get("/v1/changes", params={"after": after, "limit": 500})
        assert answer.status_code == 200, answer.text
        found = [msgspec.json.decode(line) for line in answer.content.splitlines()]
        if not found:
            return lines
        lines += found
        after = found[-1]["sequence"]


def test_who_waits_is_told_of_the_next_commit(fed: Fed) -> None:
    last = fed.shipped().last
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            fed.client.get, "/v1/changes", params={"after": last, "wait": 60}, timeout=90
        )
        while not waiting.done():  # it may not wait yet when the first one comes
            fed.insert([row(fed.next_id())])
    found = [msgspec.json.decode(line) for line in waiting.result().content.splitlines()]
    assert found[0]["sequence"] == last + 1
    last = fed.shipped().last
    assert fed.client.get("/v1/changes", params={"after": last, "wait": 1}).content == b""


@pytest.mark.parametrize("wait", [0, 60])
def test_who_has_more_than_there_is_is_told_which_the_last_is(fed: Fed, wait: int) -> None:
    fed.shipped()
    fed.insert([row(fed.next_id())])
    last = fed.client.get("/v1/lake").json()["recorded"]
    assert fed.client.get("/v1/changes", params={"after": last}).content == b""
    answer = fed.client.get("/v1/changes", params={"after": last + 1, "wait": wait})
    assert is_problem(answer, 422, "behind-the-last"), answer.text
    assert answer.json()["last"] == last


def test_the_lake_is_found_right_and_wrong(fed: Fed) -> None:
    fed.shipped()
    fed.insert([row(906_000)])
    found = fed.client.post("/v1/lake/verify").json()
    assert found["ok"], found["problems"]
    assert found["last"] == found["shipped"] + 1
    assert {t["table"]: t["differing"] for t in found["tables"]} == dict.fromkeys(
        [*TABLES, *(f"_{book}" for book in BOOKS)], 0
    )
    hires = next(t for t in found["tables"] if t["table"] == "hired_employees")
    assert hires["rows"] == hires["replayed"] == len(fed.stored("core.hired_employees"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lake, file, segment: file.unlink(), "missing"),
        (lambda lake, file, segment: file.write_bytes(file.read_bytes()[:-9]), "SHA-256"),
        (lambda lake, file, segment: segment.unlink(), "no segment has the sequences"),
        (lambda lake, file, segment: segment.write_text("{"), "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_lake_is_said(fed: Fed, damage: Any, said: str) -> None:
    folder = Path(fed.store.name)
    lake = fed.shipped()
    segment = next(s for s in lake.segments[1:-1] if s["files"])
    file = folder / segment["files"][0]["path"]
    marker = folder / "segments" / f"{segment['first']:020d}.json"
    before = file.read_bytes(), marker.read_bytes()
    try:
        damage(folder, file, marker)
        found = fed.client.post("/v1/lake/verify").json()
    finally:
        file.write_bytes(before[0])
        marker.write_bytes(before[1])
    assert not found["ok"]
    assert any(said in problem for problem in found["problems"]), found["problems"]
    assert fed.client.post("/v1/lake/verify").json()["ok"]


def test_the_command_shows_ships_and_checks(fed: Fed) -> None:
    status = fed.client.get("/v1/lake").json()
    assert status["place"] == fed.store.name
    assert status["recording"]
    ready = fed.client.get("/health/ready").json()["checks"]
    assert any(check["name"] == "lake" and check["ok"] for check in ready)
    metrics = fed.client.get("/metrics").text
    assert "gatehouse_outbox_full 0.0" in metrics
