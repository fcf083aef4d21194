"""Whatever is lost of the warehouse, its log or its journal: no acknowledged row is missed unsaid.

The warehouse is as a kill leaves it, with all in its log; each case damages a copy of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from service.engines.duckdb import Database, DatabaseError
from service.engines.duckdb_log import HEAD, log_beside, log_of, read_log
from service.engines.engine import Connection
from service.ops import records, trail
from service.runtime.clock import utc_now
from service.runtime.settings import Settings
from service.warehouse.commit_journal import DAMAGED, GONE, OLDER, OTHERS
from service.warehouse.losses import Losses
from service.warehouse.opened_warehouse import losses_of, open_warehouse
from service.warehouse.salvage import attempts, go_on
from service.warehouse.writer import Writer
from tests.support import world
from tests.support.tables import DICTIONARY, department, done, insert

COMMITS = 6
ROWS = 3  # of each
Files = dict[str, bytes]
JOURNAL, LOG, FILE = "w.duckdb.journal", "w.duckdb.wal", "w.duckdb"


@dataclass
class Killed:
    """What a killed service has left: its files when it had begun, and after each commit."""

    at_the_start: Files
    after: list[Files]

    @property
    def last(self) -> Files:
        return self.after[-1]


def files_in(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Commits of rows, but for the last ones: a restore that takes rows away, and a deed."""
    folder = tmp_path_factory.mktemp("killed")
    with duckdb.connect(folder / FILE) as connection:
        world.create(connection, *DICTIONARY.tables.values())
    database = Database(folder / FILE)
    writer = Writer(database, DICTIONARY, waiting=100, group_rows=100)
    writer.start()
    found = Killed(files_in(folder), [])
    for commit in range(COMMITS):
        rows = [department(100 * commit + n) for n in range(ROWS)]
        done(writer.insert(insert("departments", *rows, department(None))))
        found.after.append(files_in(folder))
    for change in (taking_away, deed):
        done(writer.run(change, touches=("departments",)))
        found.after.append(files_in(folder))
    writer.stop()
    database.close()
    return found


def taking_away(connection: Connection) -> None:
    connection.execute("delete from core.departments where id < 100")
    now = utc_now()
    restore = records.LoadRecord(
        load_id="restore", table_name="departments", kind="restore", status="done", received=15,
        started_at=now, finished_at=now, actor=None,
    )  # fmt: skip
    records.write(connection, [restore])


def deed(connection: Connection) -> None:
    trail.record(connection, None, "backup.create", "departments")


@pytest.fixture
def left(tmp_path: Path) -> Callable[[Files], Settings]:
    """Puts files where a warehouse is to be opened."""

    def put(files: Files) -> Settings:
        for path in tmp_path.iterdir():
            path.unlink()
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return Settings(warehouse=tmp_path / FILE)

    return put


def ids(database: Database) -> set[int]:
    with database.reading() as connection:
        found = connection.execute("select id from core.departments").fetchall()
    return {number for (number,) in found}


def opened(settings: Settings) -> tuple[Losses | None, set[int]]:
    """What is said to be missing, and the departments that are there."""
    database, losses = open_warehouse(settings)
    try:
        assert database.read_only == (losses is not None)
        return losses, ids(database)
    finally:
        database.close()


def ids_after(commit: int) -> set[int]:
    """The departments after so many commits, counted from 1."""
    everything = {100 * c + n for c in range(min(commit, COMMITS)) for n in range(ROWS)}
    return {i for i in everything if i >= 100} if commit > COMMITS else everything


def ends_of_transactions(log: bytes) -> list[int]:
    """Where each ends in the log of the last files, the start of the journal's among them."""
    ends, place = [], 8
    while place < len(log):
        place += 16 + int.from_bytes(log[place : place + 8], "little")
        if log[place - 3] == 100:
            ends.append(place)
    return ends


def ends_of_entries(log: bytes) -> list[int]:
    ends, place = [], 8
    while place < len(log):
        place += 16 + int.from_bytes(log[place : place + 8], "little")
        ends.append(place)
    return ends


def test_after_a_kill_nothing_is_missing_whether_or_not_the_last_commit_was_noted(killed, left):
    for number in range(1, len(killed.after)):
        for journal in (killed.after[number][JOURNAL], killed.after[number - 1][JOURNAL]):
            losses, there = opened(left(killed.after[number] | {JOURNAL: journal}))
            assert losses is None
            assert there == ids_after(number + 1)


def test_of_a_log_that_was_cut_anywhere_it_is_said_exactly_what_is_missing(killed, left):
    log = killed.last[LOG]
    transactions = ends_of_transactions(log)
    own = len(transactions) - len(killed.after)  # those that were there before the first commit
    entries = [8, *ends_of_entries(log)]  # a transaction has seven or so, of which some are cut
    cuts = {0, 3, *entries[::3], *transactions, *(end - 1 for end in (*transactions, entries[1]))}
    for cut in sorted(cuts):
        losses, there = opened(left(killed.last | {LOG: log[:cut]}))
        kept = sum(end <= cut for end in transactions)
        if kept < own:
            assert losses is not None, cut
            continue
        assert there == ids_after(kept - own), cut
        lost = len(killed.after) - (kept - own)
        assert (losses is None) == (lost == 0), cut
        if losses is None:
            continue
        rows = max(0, len(ids_after(99)) - len(there))
        assert losses.missing.get("core.departments", 0) == rows, cut
        assert losses.missing["ops.trail"] == 1, cut
        assert losses.missing.get("ops.loads", 0) == max(0, lost - 1), cut
        assert losses.missing.get("ops.rejections", 0) == max(0, lost - 2), cut


def test_when_the_missing_rows_were_committed_is_said(killed, left):
    log = killed.last[LOG]
    ends = ends_of_transactions(log)
    losses, _ = opened(left(killed.last | {LOG: log[: ends[-5]]}))
    moments = [
        entry.split(b'["')[1][:27].decode() for entry in killed.last[JOURNAL].split(b"\n")[1:-1]
    ]
    assert losses is not None
    assert (losses.after, losses.since, losses.until) == (moments[-5], moments[-4], moments[-1])
    assert losses.described()[-1] == (
        f"they were committed from {moments[-4]} to {moments[-1]};"
        f" what was there at {moments[-5]} is there"
    )


def test_no_bit_of_the_log_can_flip_unnoticed_and_all_but_its_transaction_is_brought_back(
    killed, left
):
    log, read = killed.last[LOG], 0
    whole = [0, *ends_of_transactions(log)]
    for place in range(0, len(log), 29):
        assert not read_log(left({LOG: flipped_at(place, log)}).warehouse).is_whole, place
    for place in range(0, len(log), 313):  # what comes of it, in each transaction several times
        flipped = flipped_at(place, log)
        settings = left(killed.last | {LOG: flipped})
        try:
            losses, there = opened(settings)
        except DatabaseError:
            pass
        else:
            assert losses is not None or there == ids_after(99), place
        assert log_of(settings.warehouse).read_bytes() == flipped, "nothing is cut off before"
        if whole[-3] < place:  # a restore takes rows away by their place
            continue
        assert not read_log(settings.warehouse).is_whole, place
        best, *_ = attempts(settings.warehouse)
        copy = settings.warehouse.with_name("copy.duckdb")
        best.make(settings.warehouse, copy)
        database = Database(copy)
        damaged = sum(end <= place for end in whole) - 1 - (len(whole) - 1 - len(killed.after))
        if damaged >= 0:
            lost = {100 * damaged + n for n in range(ROWS)}
            assert ids(database) >= ids_after(COMMITS) - lost, place
            read += 1
        database.close()
    assert read > 10


def flipped_at(place: int, content: bytes) -> bytes:
    """The content, but for a bit at a place."""
    flipped = bytearray(content)
    flipped[place] ^= 1 << place % 8
    return bytes(flipped)


def test_what_was_committed_during_a_checkpoint_is_looked_at_before_duckdb_opens_it(killed, left):
    """DuckDB logs it in a file beside the log. That file is damaged here."""
    log, beside = killed.after[2][LOG], killed.last[LOG][:-5]
    settings = left(killed.last | {LOG: log, f"{LOG}.checkpoint": beside})
    read = read_log(settings.warehouse)
    assert not read.is_whole
    assert read.unreadable > 0
    losses, there = opened(settings)
    assert losses is not None
    assert there == ids_after(3)
    assert log_of(settings.warehouse).read_bytes() == log, "nothing is cut off before"
    assert log_beside(settings.warehouse).read_bytes() == beside


def test_a_log_is_read_as_duckdb_reads_it(killed, left):
    read = read_log(left(killed.last).warehouse)
    assert read.is_whole
    assert read.until_damage() == killed.last[LOG]
    assert killed.last[LOG].startswith(HEAD)


def test_a_log_or_a_journal_that_is_lost_is_said(killed, left):
    losses, there = opened(left({k: v for k, v in killed.last.items() if k != LOG}))
    assert there == set()
    assert losses is not None
    assert losses.described()[0] == "departments lacks 15 rows"
    beginning = {k: v for k, v in begun_again(killed, left).items() if k != JOURNAL}
    losses, there = opened(left(beginning))
    assert losses == Losses(GONE)
    assert there == ids_after(99) | {5000}


def begun_again(killed: Killed, left: Callable[[Files], Settings]) -> Files:
    """The files after another start, closed in order: the log is empty."""
    settings = left(killed.last)
    database, losses = open_warehouse(settings)
    assert losses is None
    writer = Writer(database, DICTIONARY, waiting=100, group_rows=100)
    writer.start()
    done(writer.insert(insert("departments", department(5000))))
    writer.stop()
    database.close()
    return files_in(settings.warehouse.parent)


def test_old_copies_and_other_journals_are_told_apart(killed, left):
    now = begun_again(killed, left)
    assert opened(left(now)) == (None, ids_after(99) | {5000})
    losses, _ = opened(left(now | {JOURNAL: killed.after[3][JOURNAL]}))
    assert losses == Losses(OLDER)
    losses, there = opened(left({FILE: killed.at_the_start[FILE], JOURNAL: now[JOURNAL]}))
    assert losses is not None
    assert (losses.missing["core.departments"], there) == (16, set())
    settings = left(now)
    database = Database(settings.warehouse)
    go_on(database, "warehouse.accept", "for a test", None)
    database.close()
    accepted = files_in(settings.warehouse.parent)
    assert opened(left(accepted))[0] is None
    assert opened(left(accepted | {JOURNAL: now[JOURNAL]}))[0] == Losses(OTHERS)


def test_a_journal_that_is_damaged_never_says_that_rows_are_missing_which_are_there(killed, left):
    journal = killed.last[JOURNAL]
    used = len(journal.rstrip(b"\0"))
    head = journal.index(b"\n")
    for place in range(0, used, 29):
        losses, there = opened(left(killed.last | {JOURNAL: flipped_at(place, journal)}))
        assert losses == (Losses(DAMAGED) if place <= head else None), place
        assert there == ids_after(99)
    for cut in range(head + 1, used, 53):  # it is shorter, and older
        losses, _ = opened(left(killed.last | {JOURNAL: journal[:cut]}))
        assert losses is None, cut


def test_what_was_lost_is_said_until_someone_goes_on_without_it(killed, left):
    settings = left({k: v for k, v in killed.last.items() if k != LOG})
    losses = losses_of(settings)
    assert losses is not None
    database = Database(settings.warehouse)
    go_on(database, "warehouse.accept", "; ".join(losses.described()), "ada")
    with database.reading() as connection:
        (said,) = connection.execute("select action, actor, detail from ops.trail").fetchall()
    database.close()
    assert said[:2] == ("warehouse.accept", "ada")
    assert said[2].startswith("departments lacks 15 rows; missing: 7 loads")
    assert losses_of(settings) is None
