"""What is done by the clock: backups, retention, self-checks. The clock is an argument."""

import shutil
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from service.app import schedules_of
from service.backups.backing_up import back_up
from service.gate import Gate
from service.runtime.settings import SettingsError, load_settings
from tests.support.backups import folder_of, path_of

DAILY = "0 2 * * *"


@pytest.fixture
def opened(settings):
    """A gate, and its schedules, whose thread does not run."""
    gates = []

    def make(**other):
        gate = Gate(msgspec.structs.replace(settings, **other))
        gate.open()
        gates.append(gate)
        return gate, schedules_of(gate)

    yield make
    for gate in gates:
        gate.close()


def tomorrow(hour=2, days=1):
    now = datetime.now(UTC) + timedelta(days=days)
    return now.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(seconds=1)


def trail(gate):
    with gate.database.reading() as connection:
        return connection.execute(
            "select action, subject, detail from ops.trail where actor = 'schedule' order by number"
        ).fetchall()


def scheduled(gate):
    return [entry for entry in gate.catalogue.list() if entry.kind == "scheduled"]


def taken(gate, moment, kind="scheduled"):
    """A backup of all tables, as if it were of that moment."""
    with gate.database.reading() as connection:
        entries = back_up(
            connection,
            list(gate.dictionary.tables.values()),
            gate.catalogue,
            dictionary_version=gate.dictionary.version,
            kind=kind,
        )
    for entry in entries:
        path = path_of(gate.catalogue, entry).with_suffix(".json")
        dated = msgspec.structs.replace(entry, created_at=f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z")
        path.write_bytes(msgspec.json.encode(dated))
    return entries


def damage(gate, entry):
    path = path_of(gate.catalogue, entry)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def test_a_backup_is_made_when_its_moment_has_come_and_once(opened):
    gate, schedules = opened(backup_schedule=DAILY)
    schedules.run_due(datetime.now(UTC))
    assert scheduled(gate) == []
    schedules.run_due(tomorrow())
    made = scheduled(gate)
    assert {entry.table for entry in made} == set(gate.dictionary.tables)
    assert len({entry.set_id for entry in made}) == 1
    schedules.run_due(tomorrow())
    assert scheduled(gate) == made
    schedules.run_due(tomorrow(days=2))
    assert len(scheduled(gate)) == 2 * len(made)


def test_each_run_is_on_the_trail_and_in_the_metrics(opened):
    gate, schedules = opened(backup_schedule=DAILY)
    schedules.run_due(tomorrow())
    ids = {entry.backup_id for entry in scheduled(gate)}
    assert {(action, subject) for action, subject, _ in trail(gate)} == {
        (action, id_) for action in ("backup.create", "backup.verify") for id_ in ids
    }
    text = gate.metrics.text().decode()
    assert 'gatehouse_schedule_runs_total{job="backup",outcome="done"} 1.0' in text
    assert "gatehouse_last_scheduled_backup_timestamp_seconds 1" in text


def test_a_run_that_was_missed_is_made_up_for_once(opened):
    gate, _ = opened(backup_schedule=DAILY)
    taken(gate, datetime.now(UTC) - timedelta(days=5))
    schedules = schedules_of(gate)
    schedules.run_due(datetime.now(UTC))
    assert len(scheduled(gate)) == 6
    schedules.run_due(datetime.now(UTC))
    assert len(scheduled(gate)) == 6


def test_a_clock_that_goes_backwards_stops_no_backups(opened):
    gate, schedules = opened(backup_schedule=DAILY)
    taken(gate, datetime.now(UTC) + timedelta(days=3000))
    assert schedules.due(datetime.now(UTC)) == []
    long_ago = datetime.now(UTC) - timedelta(days=3000)
    assert schedules.due(long_ago) == []
    schedules.run_due(tomorrow())
    assert len(scheduled(gate)) == 6  # and does not wait until the clock is where it was
    schedules.run_due(tomorrow())
    assert len(scheduled(gate)) == 6


def test_old_ones_are_removed_and_what_was_made_by_hand_is_not(opened):
    gate, schedules = opened(
        backup_schedule=DAILY, backup_keep_last=2, backup_keep_daily=0, backup_keep_weekly=0
    )
    for days in (3, 4, 5):
        taken(gate, datetime.now(UTC) - timedelta(days=days))
    by_hand = taken(gate, datetime.now(UTC) - timedelta(days=9), "manual")
    schedules.run_due(tomorrow())
    assert len(scheduled(gate)) == 2 * 3
    assert {entry.backup_id for entry in by_hand} <= {e.backup_id for e in gate.catalogue.list()}
    assert [action for action, _, _ in trail(gate)].count("backup.delete") == 6


def test_nothing_is_removed_while_the_new_backup_is_not_good(opened, monkeypatch):
    gate, schedules = opened(
        backup_schedule=DAILY, backup_keep_last=1, backup_keep_daily=0, backup_keep_weekly=0
    )
    old = taken(gate, datetime.now(UTC) - timedelta(days=3))
    add_set = gate.catalogue.add_set

    def add_and_damage(set_id, entries, steps):
        add_set(set_id, entries, steps)
        damage(gate, entries[0])

    monkeypatch.setattr(gate.catalogue, "add_set", add_and_damage)
    schedules.run_due(tomorrow())
    assert {entry.backup_id for entry in old} <= {e.backup_id for e in gate.catalogue.list()}
    assert 'verifications_total{outcome="damaged"} 1.0' in gate.metrics.text().decode()


def test_a_backup_that_fails_is_told_and_tried_again_at_its_next_moment(opened):
    gate, schedules = opened(backup_schedule=DAILY)
    shutil.rmtree(folder_of(gate.catalogue))
    folder_of(gate.catalogue).write_text("no folder")
    schedules.run_due(tomorrow())
    told = ["backup.create"] * 3 + ["backup.failed"]
    assert [action for action, _, _ in trail(gate)] == told
    with gate.database.reading() as connection:
        ends = connection.execute("select outcome from ops.outcomes").fetchall()
    assert ends == [("failed",)] * 3
    assert 'runs_total{job="backup",outcome="failed"} 1.0' in gate.metrics.text().decode()
    schedules.run_due(tomorrow())
    assert len(trail(gate)) == len(told)
    folder_of(gate.catalogue).unlink()
    schedules.run_due(tomorrow(days=2))
    assert len(scheduled(gate)) == 3


def test_a_self_check_finds_what_is_damaged(opened):
    gate, schedules = opened(verify_schedule="30 3 * * *")
    entries = taken(gate, datetime.now(UTC), "manual")
    damage(gate, entries[1])
    schedules.run_due(tomorrow(hour=4))
    said = {subject: detail for action, subject, detail in trail(gate)}
    assert said.keys() == {entry.backup_id for entry in entries}
    assert said[entries[0].backup_id] == "ok"
    assert said[entries[1].backup_id] != "ok"
    assert "gatehouse_damaged_backups 1.0" in gate.metrics.text().decode()


def test_a_self_check_begins_with_those_that_waited_longest(opened, monkeypatch):
    gate, schedules = opened(verify_schedule="30 3 * * *")
    first = taken(gate, datetime.now(UTC) - timedelta(days=2), "manual")
    schedules.run_due(tomorrow(hour=4))
    second = taken(gate, datetime.now(UTC) - timedelta(days=1), "manual")
    seen: list[str] = []
    monkeypatch.setattr(gate.backups, "check", lambda entry, _: seen.append(entry.backup_id))
    schedules.run_due(tomorrow(hour=4, days=2))
    assert set(seen[:3]) == {entry.backup_id for entry in second}
    assert set(seen[3:]) == {entry.backup_id for entry in first}


def test_the_service_itself_makes_up_for_what_it_missed(settings, serve):
    own = msgspec.structs.replace(settings, backup_schedule=DAILY)
    gate = Gate(own)
    gate.open()
    taken(gate, datetime.now(UTC) - timedelta(days=5))
    gate.close()
    with serve(own) as client:
        found: list[dict[str, str]] = []
        while len(found) < 6:
            found = client.get("/v1/backups").json()["backups"]
    assert {each["kind"] for each in found} == {"scheduled"}


@pytest.mark.parametrize("cron", ["daily", "0 25 * * *", "* * * *", "0 0 30 2 * *"])
def test_what_is_no_schedule_is_a_wrong_setting(cron):
    with pytest.raises(SettingsError, match="backup_schedule"):
        load_settings({"GATEHOUSE_BACKUP_SCHEDULE": cron})
