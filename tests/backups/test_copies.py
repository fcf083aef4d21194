"""Copies in a second place: verified, kept as the first place is, and there when that is away."""

from pathlib import Path

import pytest

from service.backups.catalogue import Catalogue
from service.backups.copying import copy, not_copied
from service.backups.entry import Entry
from service.backups.paired_places import Places
from service.backups.pairing import Pairing
from service.backups.retention import Keep
from service.errors import DamagedBackup, NotFound, StoreUnavailable, Unprocessable
from service.runtime.locations import Location
from service.runtime.metrics import Metrics
from service.stores.folder import FolderStore
from service.stores.kinds import open_store
from tests.support.backups import path_of
from tests.support.world import Put, Take, files

TABLES = ("departments", "jobs", "hired_employees")


@pytest.fixture
def second(tmp_path: Path) -> Catalogue:
    return Catalogue(FolderStore(tmp_path / "second"))


@pytest.fixture
def away() -> Catalogue:
    """A place that does not answer."""
    keys = "access_key_id=a;secret_access_key=b;endpoint=http://127.0.0.1:1"
    return Catalogue(open_store(Location("s3://away"), keys))


@pytest.fixture
def paired(catalogue: Catalogue, second: Catalogue) -> Pairing:
    return Pairing(catalogue, second, Keep(last=1, daily=0, weekly=0), Metrics())


def no_pause() -> None:
    """Goes on at once."""


def content(catalogue: Catalogue, entry: Entry) -> bytes:
    with catalogue.open(entry) as file:
        return file.read()


def counted(pairing: Pairing, outcome: str) -> float:
    found = pairing._metrics.registry.get_sample_value(
        "gatehouse_backup_copies_total", {"outcome": outcome}
    )
    return found or 0.0


def test_each_backup_is_copied_and_a_set_as_a_set(
    take: Take, catalogue: Catalogue, second: Catalogue, paired: Pairing
):
    made = [*take(*TABLES), *take("jobs")]
    assert [len(each) for each in not_copied(catalogue, second)] == [1, 3]
    paired.run()
    assert list(second.list()) == list(catalogue.list())
    assert len(second.of_set(str(made[0].set_id))) == 3
    assert [content(second, each) for each in made] == [content(catalogue, each) for each in made]
    assert paired.copied == {each.backup_id for each in made}
    assert (paired.state.waiting, paired.state.failure, paired.lag()) == (0, None, 0)
    assert counted(paired, "done") == 4
    paired.run()
    assert counted(paired, "done") == 4


def test_a_damaged_backup_is_not_copied_and_holds_up_no_other(
    take: Take, catalogue: Catalogue, second: Catalogue, paired: Pairing
):
    (good,), (bad,) = take("jobs"), take("departments")
    path = path_of(catalogue, bad)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    paired.run()
    assert list(second.list()) == [good]
    assert bad.backup_id in str(paired.state.failure)
    assert (paired.state.waiting, paired.state.since) == (1, bad.created_at)
    assert paired.lag() > 0
    assert counted(paired, "failed") == 1
    catalogue.remove(bad.backup_id)
    paired.run()
    assert (paired.state.waiting, paired.state.failure) == (0, None)


def test_a_copy_that_is_not_read_back_as_it_is_does_not_count(
    take: Take, catalogue: Catalogue, second: Catalogue, monkeypatch: pytest.MonkeyPatch
):
    entries = take(*TABLES)
    whole = second.open

    def spoiled(entry: Entry):
        path = path_of(second, entry)
        path.write_bytes(path.read_bytes()[:-1])
        return whole(entry)

    monkeypatch.setattr(second, "open", spoiled)
    with pytest.raises(DamagedBackup, match="not read back"):
        copy(entries, catalogue, second, no_pause)
    assert files(Path(second.store.name)) == {}


def test_a_place_that_is_away_is_told_and_tried_again(
    take: Take, catalogue: Catalogue, second: Catalogue, away: Catalogue
):
    pairing = Pairing(catalogue, away, Keep(1, 0, 0), Metrics())
    take("jobs")
    pairing.run()
    assert "does not answer" in str(pairing.state.failure)
    assert counted(pairing, "failed") == 1
    pairing._second = second  # as if it answered again
    pairing.run()
    assert pairing.state.failure is None
    assert len(second.list()) == 1


def test_a_copy_that_is_cut_short_leaves_nothing(
    take: Take, catalogue: Catalogue, second: Catalogue, paired: Pairing
):
    take("jobs")
    paired.cut_short()
    paired.wake()
    paired.stop()
    assert files(Path(second.store.name)) == {}
    assert paired.state.waiting == 1


def test_what_was_woken_for_is_copied_before_the_end(
    take: Take, catalogue: Catalogue, second: Catalogue, paired: Pairing
):
    take("jobs")
    paired.wake()
    paired.stop()
    assert len(second.list()) == 1


def test_copies_of_what_is_kept_no_longer_go(
    take: Take, catalogue: Catalogue, second: Catalogue, paired: Pairing
):
    old, new = take("jobs", kind="scheduled")[0], take("jobs", kind="scheduled")[0]
    by_hand = take("jobs")[0]
    paired.run()
    for each in (old, new, by_hand):
        catalogue.remove(each.backup_id)
    paired.run()
    assert list(second.list()) == [by_hand, new]


def test_the_copy_is_read_where_the_primary_place_is_away_or_has_lost_it(
    take: Take, put: Put, catalogue: Catalogue, second: Catalogue, away: Catalogue, paired: Pairing
):
    entry = take("jobs")[0]
    paired.run()

    def look(place: Catalogue) -> list[Entry]:
        return [place.latest("jobs")]

    both = Places(catalogue, second)
    assert (both.find(None, look).place, both.find("copy", look).place) == ("primary", "copy")
    assert both.to_write() is catalogue
    lost = Places(away, second)
    assert lost.find(None, look).entries == [entry]
    assert lost.find(None, look).place == "copy"
    assert lost.to_write() is second
    with pytest.raises(StoreUnavailable):
        lost.find("primary", look)
    catalogue.remove(entry.backup_id)
    assert both.find(None, look).place == "copy"
    with pytest.raises(NotFound):
        both.find("primary", look)


def test_without_a_second_place_there_are_no_copies(catalogue: Catalogue, away: Catalogue):
    def look(place: Catalogue) -> list[Entry]:
        return [place.latest("jobs")]

    with pytest.raises(Unprocessable, match="backups_copy"):
        Places(catalogue).find("copy", look)
    with pytest.raises(NotFound):
        Places(catalogue).find(None, look)
    for ask in (lambda: Places(away).find(None, look), Places(away).to_write):
        with pytest.raises(StoreUnavailable):
            ask()
