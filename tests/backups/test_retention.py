"""Which backups are kept, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from service.backups.catalogue import Entry
from service.backups.retention import Keep, expired

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def taken(moment, kind="scheduled", tables=("departments", "jobs")):
    """A set of backups, of that moment."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    set_id = f"set of {text}" if len(tables) > 1 else None
    return [
        Entry(
            backup_id=f"{text} {table} {kind}",
            table=table,
            rows=1,
            bytes=1,
            sha256="0" * 64,
            codec="deflate",
            schema_fingerprint="",
            dictionary_version="",
            created_at=text,
            file="",
            set_id=set_id,
            kind=kind,
        )
        for table in tables
    ]


def kept_moments(sets, keep):
    entries = [entry for each in sets for entry in each]
    gone = {entry.backup_id for entry in expired(entries, keep)}
    for each in sets:  # of a set all or none
        assert len({entry.backup_id in gone for entry in each}) == 1
    return [each[0].created_at[:13] for each in sets if each[0].backup_id not in gone]


def test_the_last_ones_stay_whatever_their_age():
    sets = [taken(NOON - timedelta(days=400 * n)) for n in range(5)]
    assert len(kept_moments(sets, Keep(3, 0, 0))) == 3
    assert kept_moments(sets, Keep(3, 0, 0)) == [each[0].created_at[:13] for each in sets[:3]]


def test_the_newest_of_each_day_and_week_stays():
    hourly = [taken(NOON - timedelta(hours=n)) for n in range(24 * 60)]
    assert kept_moments(hourly, Keep(2, 3, 0)) == [
        "2026-06-30T12", "2026-06-30T11", "2026-06-29T23", "2026-06-28T23",
    ]  # fmt: skip
    # Sundays end ISO weeks; 30 June 2026 is a Tuesday.
    assert kept_moments(hourly, Keep(1, 0, 3)) == [
        "2026-06-30T12", "2026-06-28T23", "2026-06-21T23",
    ]  # fmt: skip


def test_days_without_a_backup_do_not_count():
    sets = [taken(NOON - timedelta(days=n)) for n in (0, 10, 20, 30)]
    assert len(kept_moments(sets, Keep(1, 3, 0))) == 3


@pytest.mark.parametrize("kind", ["manual", "import"])
def test_what_was_made_by_hand_stays(kind):
    sets = [taken(NOON - timedelta(days=n), kind) for n in range(10)]
    assert len(kept_moments(sets, Keep(1, 0, 0))) == 10


def test_of_safety_backups_the_last_of_their_tables_stay():
    jobs = [taken(NOON - timedelta(days=n), "safety", ("jobs",)) for n in range(5)]
    both = [taken(NOON - timedelta(days=n, hours=1), "safety") for n in range(5)]
    assert len(kept_moments(jobs + both, Keep(2, 9, 9))) == 4


def test_there_is_nothing_to_remove_where_there_is_nothing():
    assert expired([], Keep(1, 0, 0)) == []
