"""GET /v1/audit: each thing that someone changes behind the service's back is named."""

import threading
from collections.abc import Callable
from typing import Any

import duckdb
import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.rows import bad_hire, department, hire
from tests.support.services import client_of, serving

ROWS = (
    "insert into core.hired_employees values (90001, 'Ana', timestamp '2021-01-01 00:00:00', 1, 1)"
)


LINE_COUNTS = ("lines", "header_lines", "blank_lines", "skipped_lines", "record_lines")


def audit(client: httpx.Client) -> dict[str, tuple[bool, str]]:
    """What the audit says, by check."""
    said = client.get("/v1/audit").json()
    assert said["ok"] == all(check["ok"] for check in said["checks"])
    return {check["name"]: (check["ok"], check["detail"]) for check in said["checks"]}


def wrong(client: httpx.Client) -> dict[str, str]:
    """The checks that fail, and what they name."""
    return {name: detail for name, (ok, detail) in audit(client).items() if not ok}


def after(settings: Settings, *damage: str) -> dict[str, str]:
    """What the audit of a service says after a change of its warehouse behind its back."""
    with duckdb.connect(str(settings.warehouse)) as connection:
        for sql in damage:
            connection.execute(sql)
    with serving(settings) as client:
        return wrong(client)


def life(client: httpx.Client) -> dict[str, Any]:
    """Inserts of every kind, replays and a restore; ids of what came of them."""
    client.post("/v1/tables/departments/rows", json=[department(900), department("x")])
    strict = {"Prefer": "handling=strict"}
    client.post(
        "/v1/tables/departments/rows", json=[department(901), department("x")], headers=strict
    )
    client.post("/v1/tables/departments/rows", json=[])
    client.post("/v1/rows", json={"jobs": [{"id": 900, "job": "A"}], "departments": [{}]})
    backup = client.post("/v1/backups").json()
    answer = client.post("/v1/tables/hired_employees/rows", json=[hire(90001, 902), bad_hire(1)])
    (waiting, _) = answer.json()["rejections"]
    client.post(f"/v1/rejections/{waiting['rejection_id']}/replay")
    client.post("/v1/tables/departments/rows", json=department(902))
    restored = client.post("/v1/restore", json={"set_id": backup["set_id"]})
    assert restored.status_code == 200, restored.text
    client.post("/v1/tables/departments/rows", json=department(902))
    replayed = client.post("/v1/rejections/replay", json=None).json()
    assert replayed["accepted"] == 1
    return {"waiting": waiting["rejection_id"], "load_id": replayed["load_id"], **backup}


@pytest.fixture
def lived(settings: Settings) -> Settings:
    """Settings of a warehouse in which much was done by the service."""
    with serving(settings) as client:
        life(client)
    return settings


def test_all_is_well_after_inserts_replays_and_restores(client):
    life(client)
    found = audit(client)
    assert all(ok for ok, _ in found.values()), found
    assert list(found) == [
        "acknowledged rows",
        "loads add up",
        "rejections on record",
        "lines add up",
        "rows of departments",
        "rules of departments",
        "rows of jobs",
        "rules of jobs",
        "rows of hired_employees",
        "rules of hired_employees",
        "backups",
    ]
    assert found["rows of departments"] == (True, "14 rows")


def test_all_is_well_after_a_build(settings):
    assert after(settings) == {}


def test_a_row_that_was_deleted_is_missed(lived):
    noted, detail = after(lived, "delete from core.hired_employees where id = 90001").values()
    assert noted.startswith("hired_employees lacks 1 row;")
    assert "1,924 rows" not in detail
    assert "the loads account for" in detail


def test_a_row_past_the_gate_is_one_too_many(settings):
    assert after(settings, ROWS) == {
        "rows of hired_employees": "it has 1,924 rows, the loads account for 1,923"
    }


def test_rows_without_any_load_are_said_to_have_none(settings):
    found = after(
        settings,
        "delete from ops.rejections where table_name = 'jobs'",
        "delete from ops.loads where table_name = 'jobs'",
    )
    assert list(found) == ["rows of jobs"]
    assert "no load is on record" in found["rows of jobs"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("received = received + 1", {"loads add up"}),
        (
            "rejected = rejected + 1, received = received + 1",
            {"rejections on record"},
        ),
        (
            "accepted = accepted + 1, received = received + 1",
            {"rows of hired_employees"},
        ),
        (
            "accepted = accepted + 1, rejected = rejected - 1",
            {"rejections on record", "rows of hired_employees"},
        ),
        ("rejected = -1, received = accepted + already_present - 1", {"loads add up"}),
    ],
)
def test_a_count_of_a_load_that_was_changed_is_named(settings, change, names):
    found = after(settings, f"update ops.loads set {change} where table_name = 'hired_employees'")
    assert found.keys() >= names


@pytest.mark.parametrize("kind", ["batch", "replay"])
def test_counts_of_batches_and_replays_that_were_changed_are_named(lived, kind):
    found = after(
        lived,
        "update ops.loads set rejected = rejected + 1, received = received + 1 where load_id ="
        f" (select min(load_id) from ops.loads where kind = '{kind}' and status = 'done')",
    )
    assert found.keys() == {"rejections on record"}
    assert found["rejections on record"].startswith(kind)


LINES = "update ops.loads set {} where table_name = 'jobs'"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ((LINES.format("lines = header_lines + record_lines + 1"),), "185 lines is not 1 of the"),
        ((LINES.format("record_lines = 1, lines = null"),), "183 lines, the load counts 1"),
        (("delete from raw.jobs where line = 7",), "182 records are landed, 183 were received"),
        (("update raw.jobs set _lines = 2 where line = 7",), "184 lines, the load counts 183"),
        (
            (
                "update raw.jobs set _lines = 2 where line = 7",
                LINES.format("record_lines = 184, lines = 185"),
            ),
            "1 records share lines with the next one",
        ),
        (
            (
                "update raw.jobs set line = 900 where line = 7",
                LINES.format("lines = 184"),
            ),
            "line 900 is landed, the file has 184",
        ),
    ],
)
def test_lines_of_a_file_that_are_not_accounted_for_are_named(settings, damage, said):
    found = after(settings, *damage)
    assert list(found) == ["lines add up"]
    assert said in found["lines add up"]


def test_loads_from_before_lines_were_counted_are_passed_over(settings):
    forget = ", ".join(f"{name} = null" for name in LINE_COUNTS)
    assert after(settings, f"update ops.loads set {forget}", "delete from raw.jobs") == {}


def test_a_rejection_that_was_deleted_is_missed(settings):
    (detail,) = after(
        settings,
        "delete from ops.rejections where rejection_id = (select min(rejection_id) from"
        " ops.rejections)",
    ).values()
    assert "76 rejected, 75 on record" in detail


def test_rejections_whose_load_was_deleted_are_named(lived):
    found = after(
        lived,
        "delete from ops.loads where load_id = (select min(load_id) from ops.rejections"
        " where position = 1 and table_name = 'departments')",
    )
    assert "which is not on record" in found["rejections on record"]


def test_an_attempt_that_was_deleted_is_missed(lived):
    noted, detail = after(lived, "delete from ops.replays where outcome = 'accepted'").values()
    assert noted.startswith("missing: 1 row tried again")
    assert detail.startswith("replay ")


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("-1, 'Ana', timestamp '2021-01-01 00:00:00', 1, 1", "in_range of id"),
        ("90001, ' ', timestamp '2021-01-01 00:00:00', 1, 1", "not_blank of name"),
        ("90001, repeat('x', 256), timestamp '2021-01-01 00:00:00', 1, 1", "max_length of name"),
        ("90001, 'Ana', timestamp '2021-01-01 00:00:00', 999, 1", "relationships of department_id"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named_with_the_rule(settings, row, rule):
    found = after(settings, f"insert into core.hired_employees values ({row})")
    detail = found["rules of hired_employees"]
    assert detail.startswith(f"1 row breaks {rule}, first those with id ")
    assert "rows of hired_employees" in found


def test_a_parent_that_was_deleted_is_named_by_its_children(settings):
    found = after(settings, "delete from core.departments where id = 1")
    assert "break relationships of department_id" in found["rules of hired_employees"]
    assert "rows of departments" in found


def damaged(client: httpx.Client, settings: Settings, damage: Callable[[Any], None]) -> str:
    """What the audit says of the backup of jobs after `damage` to its file."""
    made = client.post("/v1/tables/jobs/backups").json()
    assert wrong(client) == {}
    damage(settings.backups.path / "jobs" / made["file"])
    found = wrong(client)
    assert list(found) == ["backups"]
    assert found["backups"].startswith(made["backup_id"])
    return found["backups"]


def test_a_backup_file_that_is_gone_is_missed(client, settings):
    damaged(client, settings, lambda path: path.unlink())


def test_a_backup_file_that_was_altered_is_named(client, settings):
    def alter(path: Any) -> None:
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)

    assert "SHA-256" in damaged(client, settings, alter)


def test_a_backup_file_that_was_cut_is_named(client, settings):
    def cut(path: Any) -> None:
        path.write_bytes(path.read_bytes()[:-1])

    assert "bytes" in damaged(client, settings, cut)


def test_a_damaged_entry_of_the_catalogue_is_named(client, settings):
    said = damaged(client, settings, lambda path: path.with_suffix(".json").write_text("{"))
    assert "entry is damaged" in said


def test_many_problems_are_named_in_part_and_counted(settings):
    with serving(settings) as client:
        for number in range(15):
            client.post("/v1/tables/jobs/rows", json={"id": 900 + number, "job": "A"})
    found = after(settings, "update ops.loads set received = 7 where kind = 'batch'")
    assert found["loads add up"].endswith("; and 5 more")


def test_a_restore_from_before_the_audit_counts_by_its_time(settings):
    """Its record does not say what had been accepted until then."""
    with serving(settings) as client:
        client.post("/v1/tables/jobs/rows", json={"id": 900, "job": "A"})
        client.post("/v1/tables/jobs/backups")
        client.post("/v1/tables/jobs/rows", json={"id": 901, "job": "A"})
        client.post("/v1/tables/jobs/restore", json={"backup_id": "latest"})
        client.post("/v1/tables/jobs/rows", json={"id": 902, "job": "A"})
    old = "update ops.loads set detail = '{\"removed\":1}' where kind = 'restore'"
    assert after(settings, old) == {}


def test_it_is_right_while_inserts_go_on(client):
    done = threading.Event()
    other = client_of(client.base_url)
    sent: list[int] = []

    def insert() -> None:
        number = 10_000
        while not done.is_set():
            number += 10
            rows = [*(department(number + i) for i in range(9)), department("x")]
            sent.append(other.post("/v1/tables/departments/rows", json=rows).status_code)

    thread = threading.Thread(target=insert)
    thread.start()
    try:
        answers = [wrong(client) for _ in range(5)]
    finally:
        done.set()
        thread.join()
        other.close()
    assert answers == [{}] * 5
    assert len(sent) > 5
    assert set(sent) == {207}
