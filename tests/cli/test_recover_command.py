"""A warehouse whose file is lost or damaged is made anew, and nothing is deleted."""

import os

import pytest

from tests.support.answers import files_in

pytestmark = pytest.mark.slow


def truncated(path):
    os.truncate(path, 300_000)


def overwritten(path):
    with path.open("r+b") as file:
        for place in range(300_000, path.stat().st_size, 300_000):
            file.seek(place)
            file.write(b"\xa5" * 30_000)


def beheaded(path):
    with path.open("r+b") as file:
        file.write(bytes(12_288))


def lost(path):
    path.unlink()


@pytest.fixture
def backed_up(alone, settings):
    """A warehouse with a row that only its backup has, and two sets of backups."""
    for number in (9001, 9002):
        row = settings.warehouse.with_name("row.json")
        row.write_text(f'{{"id": {number}, "job": "Smith"}}')
        assert alone("insert", "jobs", row).code == 0
        assert alone("backup").code == 0
    return settings


def test_a_damaged_warehouse_is_told_and_made_anew(alone, backed_up):
    whole = backed_up.warehouse.read_bytes()
    log = backed_up.warehouse.with_name("gatehouse.duckdb.wal")
    log.write_bytes(b"garbage")
    for damage in (truncated, overwritten, beheaded):
        backed_up.warehouse.write_bytes(whole)
        damage(backed_up.warehouse)
        for command in ("tables", "serve"):
            answer = alone(command)
            assert answer.code == 3
            assert "cannot be opened: " in answer.err
            assert "HINT: `gatehouse recover` makes it anew" in answer.err
            assert "the last backups: hired_employees of 20" in answer.err
    content = backed_up.warehouse.read_bytes()
    before = files_in(backed_up.warehouse.parent)
    tried = alone("recover", "--dry-run")
    assert (tried.code, tried.lines[-1]) == (0, "dry run: the warehouse is as it was")
    assert backed_up.warehouse.read_bytes() == content
    assert files_in(backed_up.warehouse.parent) == before
    done = alone("recover", "--yes")
    assert (done.code, done.lines[-1]) == (0, "the warehouse is made anew")
    kept, _, kept_log = sorted(backed_up.warehouse.parent.glob("gatehouse.duckdb.damaged-*"))
    assert (kept.read_bytes(), kept_log.read_bytes()) == (content, b"garbage")
    assert not log.exists()
    assert [line.split("\t")[1] for line in alone("tables").lines[1:]] == ["12", "185", "1923"]
    assert len(alone("backups").lines) == 1 + 2 * 3
    assert alone("build").code == 0


def test_a_lost_warehouse_is_made_anew_from_the_newest_set_that_is_whole(alone, backed_up):
    lost(backed_up.warehouse)
    newest = max((backed_up.backups.path / "jobs").glob("*.avro"))
    with newest.open("r+b") as file:
        file.seek(-30, os.SEEK_END)
        file.write(b"damage")
    done = alone("recover", "--yes", "--json")
    assert done.code == 0
    assert {each["table"]: each["rows_after"] for each in done.json["restored"]} == {
        "departments": 12,
        "jobs": 184,
        "hired_employees": 1923,
    }
    assert "is damaged: " in done.err


def test_without_backups_there_is_the_history(alone, settings):
    lost(settings.warehouse)
    done = alone("recover", "--yes")
    assert (done.code, done.lines[-3:]) == (
        0,
        [
            "there is no whole backup",
            "there is no journal that says whether rows are missing",
            "the warehouse is made anew",
        ],
    )
    assert [line.split("\t")[1] for line in alone("tables").lines[1:]] == ["12", "183", "1923"]


@pytest.mark.new_python
def test_a_history_that_cannot_be_built_changes_nothing(alone, settings):
    truncated(settings.warehouse)
    (settings.seeds / "raw_jobs.csv").write_text("a,b,c\n")
    before = files_in(settings.warehouse.parent)
    answer = alone("recover", "--yes")
    assert answer.code == 1
    assert "raw_jobs.csv" in answer.err
    assert answer.err.endswith("error: the history cannot be built\nHINT: nothing was changed\n")
    assert "\\n" not in answer.err  # what dbt says in several lines is shown so
    assert files_in(settings.warehouse.parent) == before


def test_a_warehouse_that_is_in_order_is_left_alone(alone, settings):
    content = settings.warehouse.read_bytes()
    answer = alone("recover")
    assert answer.code == 1
    assert "HINT: --force" in answer.err
    assert settings.warehouse.read_bytes() == content


def test_it_stays_away_while_a_service_runs(alone, started):
    started()
    answer = alone("recover", "--force")
    assert answer.code == 3
    assert "a service has this warehouse: http://" in answer.err
