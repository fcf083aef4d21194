"""A folder of backups is one warehouse's."""

import shutil

import duckdb
import msgspec
import pytest

from service.backups.owner_mark import OWNER, NotOurBackups
from service.cli.inside import adopt_backups, make_ready
from service.gate import Gate
from service.warehouse.commit_journal import path_of_journal
from tests.support.services import settings_in


@pytest.fixture
def warehouse(built, tmp_path):
    """Makes warehouses, by name, that have one folder of backups."""

    def make(name, warehouse_id):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        own = msgspec.structs.replace(
            settings_in(folder), backups=tmp_path / "backups", seeds=built.seeds
        )
        own.backups.path.mkdir(exist_ok=True)
        shutil.copy(built.warehouse, own.warehouse)
        with duckdb.connect(str(own.warehouse)) as connection:
            connection.execute("update ops.warehouse set warehouse_id = ?", [warehouse_id])
        return own

    return make


@pytest.fixture
def opened():
    gates = []

    def open_(settings):
        gate = Gate(settings)
        gate.open()
        gates.append(gate)
        return gate

    yield open_
    for gate in gates:
        gate.close()


def back_up(settings):
    """Takes a backup of a table, as a command alone does."""
    gate = Gate(settings)
    gate.open()
    try:
        return gate.backups.back_up(gate.table("jobs"), None).backup_id
    finally:
        gate.close()


def test_the_first_one_has_it_and_another_is_refused_until_it_adopts_it(warehouse):
    first, second = warehouse("first", "1"), warehouse("second", "2")
    backup_id = back_up(first)
    for refused in (back_up, make_ready):
        with pytest.raises(Exception, match=f"{first.warehouse}.*gatehouse backups adopt"):
            refused(second)
    assert back_up(first) > backup_id  # which has not lost it
    before = adopt_backups(second)
    assert before
    assert before.warehouse == str(first.warehouse)
    back_up(second)
    with pytest.raises(NotOurBackups, match=str(second.warehouse)):
        back_up(first)
    with duckdb.connect(str(second.warehouse)) as connection:
        adopted = connection.execute(
            "select actor, subject, detail from ops.trail where action = 'backups.adopt'"
        ).fetchall()
    assert adopted[0][0].startswith("local:")
    assert adopted[0][1:] == ("backups", f"of the warehouse {first.warehouse}")


def test_no_one_adopts_what_is_in_use(warehouse, opened):
    first, second = warehouse("first", "1"), warehouse("second", "2")
    gate = opened(first)
    with pytest.raises(Exception, match=f"in use by the warehouse {first.warehouse}"):
        adopt_backups(second)
    with pytest.raises(NotOurBackups, match="in use"):
        Gate(second).open()
    gate.backups.back_up(gate.table("jobs"), None)


def test_a_folder_of_before_is_whoever_made_all_that_is_in_it(warehouse):
    first, second = warehouse("first", "1"), warehouse("second", "2")
    mark = first.backups.path / OWNER
    back_up(first)
    mark.unlink()  # no version before has made one
    with pytest.raises(NotOurBackups, match="1 of 1 backups were not made by this warehouse"):
        back_up(second)
    mark.write_bytes(b"")  # what a process leaves that is killed as it makes one
    back_up(first)
    assert msgspec.json.decode(mark.read_bytes())["warehouse_id"] == "1"
    mark.unlink()
    adopt_backups(second)
    back_up(second)
    mark.unlink()
    for each in (first, second):  # both have made some: it is for people to say
        with pytest.raises(NotOurBackups, match="of 3 backups were not made"):
            back_up(each)


def test_a_copy_of_the_warehouse_is_another_one_and_one_that_was_moved_is_not(warehouse):
    first, copy = warehouse("first", "1"), warehouse("copy", "1")
    back_up(first)
    with pytest.raises(NotOurBackups, match="of which this is a copy"):
        back_up(copy)
    first.warehouse.unlink()
    back_up(copy)
    assert str(copy.warehouse) in (copy.backups.path / OWNER).read_text()


def test_one_that_is_made_anew_in_its_place_is_another_and_so_is_one_at_its_path_elsewhere(
    warehouse,
):
    first = warehouse("first", "1")
    back_up(first)
    path_of_journal(first.warehouse).unlink()  # as who makes it anew does
    anew = warehouse("first", "of another build")
    with pytest.raises(NotOurBackups, match=r"another warehouse that was at .*backups adopt"):
        back_up(anew)
    assert msgspec.json.decode((first.backups.path / OWNER).read_bytes())["warehouse_id"] == "1"
    adopt_backups(anew)
    back_up(anew)


def test_a_folder_that_is_gone_is_made_and_claimed_again(warehouse, opened):
    first, second = warehouse("first", "1"), warehouse("second", "2")
    gate = opened(first)
    shutil.rmtree(first.backups.path)
    gate.backups.back_up(gate.table("jobs"), None)
    gate.backups.back_up(gate.table("jobs"), None)
    with pytest.raises(NotOurBackups):
        Gate(second).open()


def test_where_it_became_anothers_meanwhile_nothing_is_written_or_removed(warehouse, opened):
    first, second = warehouse("first", "1"), warehouse("second", "2")
    gate = opened(first)
    entry = gate.backups.back_up(gate.table("jobs"), None)
    (first.backups.path / OWNER).unlink()
    adopt_backups(second)
    with pytest.raises(NotOurBackups):
        gate.backups.back_up(gate.table("jobs"), None)
    with pytest.raises(NotOurBackups):
        gate.backups.remove(entry.backup_id, None)
    assert gate.catalogue.get(entry.backup_id) == entry
