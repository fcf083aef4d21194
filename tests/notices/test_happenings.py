"""What the books say that a hook is to be told: each thing once, whenever it ends."""

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from service.engines.duckdb import Database
from service.engines.engine import Connection
from service.notices import deliveries, happenings
from service.notices.deliveries import BookPlace
from service.notices.happenings import DeedTold, kind_of
from service.notices.hooks_file import KINDS, Elsewhere, Hook, WrongHooks
from service.notices.teller import Teller
from service.ops import records, trail
from service.ops.records import LoadRecord, TrailRecord
from service.runtime.settings import Settings
from tests.support.chance import cases, chance
from tests.support.receivers import SECRET, receiving
from tests.support.tables import done

HOOK = Hook(name="ops", on=KINDS, url="https://example.org", private=True)
NOW = datetime.fromisoformat("2026-03-01")


def load(load_id: str, **said: Any) -> LoadRecord:
    basic: dict[str, Any] = {
        "load_id": load_id, "table_name": "jobs", "kind": "batch", "status": "done", "received": 10,
        "accepted": 5, "rejected": 5, "started_at": NOW, "finished_at": NOW, "actor": None,
    }  # fmt: skip
    return LoadRecord(**{**basic, **said})


def look(connection: Connection, place: BookPlace, hook: Hook = HOOK) -> tuple[Any, BookPlace]:
    return happenings.look(connection, hook, place, lambda _: ())


def place_now(connection: Connection) -> BookPlace:
    return BookPlace(number=happenings.newest(connection))


def told_ids(found: Any) -> list[str]:
    content = [deliveries_of(each) for each in found]
    return [x["load_id"] for c in content for x in c.get("loads", [])] + [
        c["entry_id"] for c in content if "entry_id" in c
    ]


def deliveries_of(each: Any) -> Any:
    return json.loads(each.payload)["data"]


def test_whatever_ends_in_whatever_order_is_told_once(database: Database):
    """Loads and deeds begin, go on and end at random, between looks at random."""
    draw = chance("happenings")
    for round_ in range(cases(20)):
        with database.connect() as connection:
            place, told, expected = place_now(connection), list[str](), set[str]()
            running: list[tuple[str, str]] = []
            for step in range(draw.randrange(5, 40)):
                _step(connection, draw, f"{round_}-{step}", running, expected)
                if draw.random() < 0.3:
                    found, place = look(connection, place)
                    told += told_ids(found)
            while running:
                _end(connection, draw, running, expected)
            found, place = look(connection, place)
            told += told_ids(found)
            assert sorted(told) == sorted(expected)
            assert look(connection, place)[0] == []
            assert (place.loads, place.deeds) == ([], [])


def _step(
    connection: Connection,
    draw: random.Random,
    name: str,
    running: list[tuple[str, str]],
    expected: set[str],
) -> None:
    what = draw.choice(("batch", "fine", "file", "deed", "end", "end"))
    if what == "batch":
        records.write(connection, [load(name)])
        expected.add(name)
    elif what == "fine":
        records.write(connection, [load(name, accepted=10, rejected=0)])
    elif what == "file":
        records.write(connection, [load(name, kind="file", status="running", finished_at=None)])
        running.append(("file", name))
    elif what == "deed":
        entry = TrailRecord(name, NOW, None, "build", name, None, is_intent=True)
        records.write(connection, [entry])
        running.append(("deed", name))
    elif running:
        _end(connection, draw, running, expected)


def _end(
    connection: Connection, draw: random.Random, running: list[tuple[str, str]], expected: set[str]
) -> None:
    what, name = running.pop(draw.randrange(len(running)))
    is_bad = draw.random() < 0.7
    if what == "deed":
        trail.end(connection, [name], "failed" if is_bad else "done")
    else:
        status = "failed" if is_bad else "done"
        connection.execute(
            "update ops.loads set status = ?, rejected = ?, finished_at = ? where load_id = ?",
            [status, 0, NOW, name],
        )
    if is_bad:
        expected.add(name)


@pytest.mark.parametrize(
    ("hook", "said", "is_told"),
    [
        ({}, {}, True),
        ({}, {"rejected": 0, "accepted": 10}, False),
        ({"share": 0.5}, {}, False),
        ({"share": 0.4}, {}, True),
        ({"rows": 6}, {}, False),
        ({"rows": 5}, {}, True),
        ({"tables": ["departments"]}, {}, False),
        ({"tables": ["jobs"]}, {}, True),
        ({"on": ["build.failed"]}, {}, False),
        ({}, {"status": "refused", "received": 0, "accepted": 0, "rejected": 0}, False),
        ({}, {"status": "refused", "kind": "file", "rejected": 0}, True),
        ({}, {"status": "failed", "kind": "replay", "rejected": 0}, True),
        ({"on": ["load.rejections"]}, {"status": "failed", "kind": "file"}, False),
    ],
)
def test_which_loads_are_told(database: Database, hook: Any, said: Any, is_told: bool):
    narrowed = Hook(**{"name": "ops", "on": KINDS, "url": "https://a.org", **hook})
    with database.connect() as connection:
        place = place_now(connection)
        records.write(connection, [load("it", **said)])
        assert (look(connection, place, narrowed)[0] != []) is is_told


@pytest.mark.parametrize(
    ("action", "outcome", "said", "kind"),
    [
        ("build", "failed", None, "build.failed"),
        ("build", "interrupted", None, "build.failed"),
        ("build", "done", None, None),
        ("backup.create", "failed", None, "backup.failed"),
        ("backup.verify", "done", "ok", None),
        ("backup.verify", "done", "it is damaged", "backup.failed"),
        ("backup.failed", "done", "NoSpace", "backup.failed"),
        ("self-check.failed", "done", "NoSpace", "backup.failed"),
        ("audit.failed", "done", "NoSpace", "audit.failed"),
        ("restore", "failed", None, "restore.failed"),
        ("copy.make", "failed", None, "copy.failed"),
        ("service.died", "done", "killed", "service.died"),
        ("key.create", "done", None, None),
        ("build.cancel", "done", None, None),
    ],
)
def test_as_what_a_deed_is_told(action: str, outcome: str, said: str | None, kind: str | None):
    deed = DeedTold(
        entry_id="e", action=action, subject=None, actor=None, outcome=outcome, happened_at=NOW
    )
    assert kind_of(deed, said) == kind


def test_many_loads_are_one_message_that_names_the_first(database: Database):
    with database.connect() as connection:
        place = place_now(connection)
        records.write(connection, [load(f"l{n:04}") for n in range(1500)])
        (message,), _ = look(connection, place)
    content = deliveries_of(message)
    assert (len(content["loads"]), content["not_named"]) == (happenings.NAMED, 1400)
    assert content["text"] == "1500 loads of jobs: 7,500 of 15,000 rows kept out"


def test_a_new_hook_is_told_of_what_happens_from_now_on(writer: Any, database: Database):
    done(writer.run(lambda connection: records.write(connection, [load("before")])))
    done(writer.run(lambda connection: happenings.begin(connection, ["ops"])))
    done(writer.run(lambda connection: records.write(connection, [load("after")])))
    with database.reading() as connection:
        place = deliveries.place_of(connection, "ops")
        assert place is not None
        assert told_ids(look(connection, place)[0]) == ["after"]
    done(writer.run(lambda connection: happenings.begin(connection, [])))
    with database.reading() as connection:
        assert deliveries.place_of(connection, "ops") is None  # who is there no more


def test_a_hook_of_a_table_that_there_is_not_is_refused(
    writer: Any, database: Database, tmp_path: Path
):
    hook = Hook(name="ops", on=["load.failed"], url="https://a.org", tables=["jobs", "jbos"])
    ours = Teller([hook], database, writer, lambda table: ["id"] if table == "jobs" else [])
    with pytest.raises(WrongHooks, match="the hook ops: there is no table jbos"):
        ours.start(Settings(warehouse=tmp_path / "w.duckdb"))


def test_where_nothing_can_be_written_it_is_told_all_the_same(
    writer: Any, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("OPS_SECRET", SECRET)
    with receiving() as receiver:
        hook = Hook(
            name="ops", on=["disk.low"], url=receiver.url, private=True,
            secret=Elsewhere(env="OPS_SECRET"),
        )  # fmt: skip
        ours = Teller([hook], database, writer, lambda _: ())
        ours.start(Settings(warehouse=tmp_path / "w.duckdb", disk_floor_bytes=0))
        writer._stopping = True  # whatever is handed in is refused, as on a full disk
        try:
            ours.tell("disk.low", "it is full", {"free": 0})
            (message,) = receiver.wait(1)
            assert message.verified()["data"] == {"text": "it is full", "free": 0}
        finally:
            ours.stop()
            writer._stopping = False
