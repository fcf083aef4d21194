"""Rows whose key is there: what becomes of them, by a writer and by a model in Python."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engines.duckdb import Database
from service.judge.columns import FEW
from service.runtime.resolutions import OnConflict
from service.warehouse.work import Insert, Outcome
from service.warehouse.writer import Writer
from tests.support import world
from tests.support.tables import DICTIONARY, WAYS, Books, Row, done, insert, judged, violations

ID, CODE, LOCKER = ("id", "unique"), ("code", "unique"), ("locker", "unique")
PARENT, REFERRED = ("department_id", "relationships"), ("code", "relationships")
LONG = ("code", "max_length")


@dataclass
class Gate:
    """A writer whose tables have badges 10 and 11, and a visit that refers to code "ten"."""

    writer: Writer
    books: Books

    def empty(self) -> None:
        """As at the start."""

        def again(connection: Any) -> None:
            for statement in (
                "delete from core.visits",
                "delete from core.badges",
                "delete from ops.changes",
                "insert into core.badges values (10, 'ten', 100, 1), (11, 'eleven', null, null)",
                "insert into core.visits values ('v', 'ten')",
            ):
                connection.execute(statement)

        self.writer.run(again, ("badges", "visits")).result()

    def badges(self) -> dict[int, Row]:
        rows = self.books.ask("select id, code, locker, department_id from core.badges order by id")
        return {row[0]: badge(*row) for row in rows}

    def send(self, on_conflict: OnConflict, *rows: Row, **options: Any) -> Outcome:
        outcome: Outcome = done(
            self.writer.insert(insert("badges", *rows, on_conflict=on_conflict, **options))
        )
        return outcome


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    path: Path = tmp_path_factory.mktemp("again") / "warehouse.duckdb"
    with duckdb.connect(path) as connection:
        world.create(connection, *DICTIONARY.tables.values())
        connection.execute("insert into core.departments values (1, 'one'), (2, 'two')")
    database = Database(path)
    writer = Writer(database, DICTIONARY, waiting=1000, group_rows=20_000)
    writer.start()
    yield Gate(writer, Books(database))
    writer.stop()
    database.close()


@pytest.fixture(autouse=True)
def at_the_start(gate: Gate) -> None:
    gate.empty()


def badge(number: Any, code: Any = None, locker: Any = None, department: Any = None) -> Row:
    code = f"c{number}" if code is None else code
    return {"id": number, "code": code, "locker": locker, "department_id": department}


TEN, ELEVEN = badge(10, "ten", 100, 1), badge(11, "eleven")
Told = tuple[int, int, int, dict[int, list[Any]]]  # accepted, changed, present, violations
CASES: list[tuple[str, OnConflict, list[Row], Told]] = [
    ("as it is there", "error", [TEN], (0, 0, 0, {0: [ID, CODE, LOCKER]})),
    ("as it is there", "ignore", [TEN, badge(1)], (1, 0, 1, {})),
    ("other content", "ignore", [badge(11, "x")], (0, 0, 0, {0: [ID]})),
    ("twice the same", "ignore", [badge(1, "a", 7), badge(1, "a", 7)], (1, 0, 1, {})),
    ("twice, not the same", "ignore", [badge(1), badge(1, "b")], (1, 0, 0, {1: [ID]})),
    (
        "a repeat of what is kept out",
        "ignore",
        [badge(1, "ten"), badge(1, "ten")],
        (0, 0, 0, {0: [CODE], 1: [ID, CODE]}),
    ),
    (
        "broken, and there",
        "ignore",
        [badge(10, "far too long")],
        (0, 0, 0, {0: [ID, LONG]}),
    ),
    ("as it is there", "merge", [TEN, ELEVEN], (0, 0, 2, {})),
    ("other content", "merge", [badge(11, "x", 5, 2)], (0, 1, 0, {})),
    ("new, changed, as it is", "merge", [badge(1), badge(11, "x"), TEN], (1, 1, 1, {})),
    ("new, then twice", "merge", [badge(1, "a"), badge(1, "b"), badge(1, "b")], (1, 1, 1, {})),
    ("there and back", "merge", [badge(11, "x"), ELEVEN], (0, 2, 0, {})),
    ("without its parent", "merge", [badge(11, "x", None, 9)], (0, 0, 0, {0: [PARENT]})),
    ("broken, and there", "merge", [badge(10, "far too long")], (0, 0, 0, {0: [LONG]})),
    ("a value of a third row", "merge", [badge(11, "x", 100)], (0, 0, 0, {0: [LOCKER]})),
    (
        "a value that is given up in the same request",
        "merge",
        [badge(10, "ten", 101, 1), badge(11, "eleven", 100)],
        (0, 1, 0, {1: [LOCKER]}),
    ),
    (
        "a new value that another row claims first",
        "merge",
        [badge(1, "a", 7), badge(11, "eleven", 7)],
        (1, 0, 0, {1: [LOCKER]}),
    ),
    ("a value that is referred to", "merge", [badge(10, "x", 100)], (0, 0, 0, {0: [REFERRED]})),
    ("beside what is referred to", "merge", [badge(10, "ten", None, 2)], (0, 1, 0, {})),
    (
        "one that is kept out does not come between",
        "merge",
        [badge(11, "x"), badge(11, "y", 100), badge(11, "x")],
        (0, 1, 1, {1: [LOCKER]}),
    ),
]


@pytest.mark.parametrize(
    ("on_conflict", "rows", "told"), [c[1:] for c in CASES], ids=[f"{c[1]}: {c[0]}" for c in CASES]
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_becomes_of_rows_whose_key_is_there(
    gate: Gate, on_conflict: OnConflict, rows: list[Row], told: Told, dry_run: bool
) -> None:
    before = gate.badges()
    outcome = gate.send(on_conflict, *rows, dry_run=dry_run)
    [verdict] = outcome.verdicts
    counts = outcome.counts(verdict)
    accepted, changed, present, broken = told
    assert violations(outcome) == broken
    assert counts == {
        "accepted": accepted,
        "changed": changed,
        "rejected": len(broken),
        "already_present": present,
    }
    after = {} if dry_run else {row["id"]: row for i, row in enumerate(rows) if i not in broken}
    assert gate.badges() == before | after
    assert gate.books.count("ops.changes") == (0 if dry_run else changed)


def test_all_or_nothing_counts_all_rows_as_rejected(gate: Gate) -> None:
    before = gate.badges()
    outcome = gate.send("merge", TEN, badge(11, "x"), badge(1), badge(2, "ten"), strict=True)
    [verdict] = outcome.verdicts
    assert outcome.counts(verdict)["rejected"] == 4
    assert gate.badges() == before
    book = "select received, rejected, changed, already_present from ops.loads where load_id = "
    assert gate.books.ask(f"{book}'{outcome.load_id}'") == [(4, 4, 0, 0)]


def test_a_value_that_a_row_gives_up_is_free_from_the_next_request_on(gate: Gate) -> None:
    assert violations(gate.send("merge", badge(10, "ten", 101, 1))) == {}
    assert violations(gate.send("error", badge(1, locker=100))) == {}
    assert violations(gate.send("error", badge(2, locker=101))) == {0: [LOCKER]}


def test_children_are_judged_by_what_a_change_of_the_same_request_leaves(gate: Gate) -> None:
    rows = [
        judged("badges", badge(11, "new")),
        judged("visits", {"id": "a", "badge": "new"}, {"id": "b", "badge": "eleven"}),
    ]
    outcome: Outcome = done(gate.writer.insert(Insert(rows, on_conflict="merge")))
    badges, visits = outcome.verdicts
    assert (badges.changed, visits.accepted["id"].to_pylist()) == ([0], ["a"])
    assert [v.column for v in visits.rejected[1]] == ["badge"]


def test_requests_of_one_commit_see_each_others_rows(gate: Gate) -> None:
    """The writer is held up, so that all of them are one group."""
    with gate.writer.lock:
        waiting = [
            gate.writer.insert(insert("badges", *rows, on_conflict=how))
            for how, rows in (
                ("error", [badge(1, "a", 7)]),
                ("ignore", [badge(1, "a", 7), badge(1, "b", 7)]),
                ("merge", [badge(1, "b", 8)]),
                ("error", [badge(2, "a", 7)]),
                ("merge", [badge(1, "a", 8)]),
                ("merge", [badge(1, "c", 8), badge(11, "b")]),
            )
        ]
    outcomes = [done(each) for each in waiting]
    told = [tuple(each.counts(each.verdicts[0]).values()) for each in outcomes]
    # accepted, changed, rejected, already present
    assert told == [
        (1, 0, 0, 0),
        (0, 0, 1, 1),
        (0, 1, 0, 0),
        (1, 0, 0, 0),
        (0, 0, 1, 0),
        (0, 1, 1, 0),  # "b" is another's until the next request
    ]
    assert gate.badges()[1] == badge(1, "c", 8)
    first, second = gate.books.ask(
        "select before, after from ops.changes where row_key = '1' order by number"
    )
    assert first[1] == second[0]


@dataclass
class Model:
    """Badges by id, and what becomes of a request, as resolution.py says it."""

    rows: dict[int, Row]
    referred: set[str] = field(default_factory=lambda: {"ten"})

    def merge(self, sent: list[Row]) -> tuple[list[str], dict[int, Row]]:
        before = dict(self.rows)
        sound = [i for i, row in enumerate(sent) if row["department_id"] in (None, 1, 2)]
        wrong = set(range(len(sent))) - set(sound)
        for i, row in enumerate(sent):
            for name in ("code", "locker"):
                wrong |= {i} if self._is_of_another(before, sent, sound, i, name) else set()
            code = before.get(row["id"], row)["code"]
            if code in self.referred and code != row["code"]:
                wrong.add(i)
        told, after = [], before
        for i, row in enumerate(sent):
            if i in wrong:
                told.append("rejected")
                continue
            was = after.get(row["id"])
            told.append("accepted" if was is None else "present" if was == row else "changed")
            after = after | {row["id"]: row}
        return told, after

    def _is_of_another(
        self, before: dict[int, Row], sent: list[Row], sound: list[int], i: int, name: str
    ) -> bool:
        value, own = sent[i][name], sent[i]["id"]
        if value is None:
            return False
        owners = [number for number, row in before.items() if row[name] == value]
        if not owners:
            owners = [sent[j]["id"] for j in sound if sent[j][name] == value and j < i][:1]
        return bool(owners) and owners != [own]


A_BADGE = st.builds(
    badge,
    st.sampled_from([1, 2, 10, 11]),
    st.sampled_from(["a", "b", "ten", "eleven"]),
    st.sampled_from([None, 7, 100]),
    st.sampled_from([None, 1, 9]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(A_BADGE, min_size=1, max_size=6), min_size=1, max_size=3))
def test_merging_is_what_the_model_says(gate: Gate, requests: list[list[Row]]) -> None:
    gate.empty()
    model = Model(gate.badges())
    changes = 0
    for sent in requests:
        told, model.rows = model.merge(sent)
        outcome = gate.send("merge", *sent)
        [verdict] = outcome.verdicts
        ours = [
            "rejected"
            if i in verdict.rejected
            else "changed"
            if i in verdict.changed
            else "present"
            if i in verdict.present
            else "accepted"
            for i in range(len(sent))
        ]
        assert ours == told
        assert gate.badges() == model.rows
        changes += told.count("changed")
    assert gate.books.count("ops.changes") == changes
    # What is held in memory is what is there.
    for name in ("code", "locker"):
        there = {row[name] for row in model.rows.values()} - {None}
        asked: list[Any] = ["a", "b", "ten", "eleven"] if name == "code" else [7, 100]
        assert gate.writer.keys.taken(("badges", name), asked) == there.intersection(asked)


SENT_AGAIN = st.sampled_from([badge(10, "ten", 100, 1), badge(11, "eleven")])
HOWS: list[OnConflict] = ["ignore", "merge", "error"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(HOWS),
            st.lists(SENT_AGAIN | st.integers(20, 25).map(badge) | A_BADGE, min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_requests_of_one_commit_get_what_each_would_get_in_its_turn(
    gate: Gate, requests: list[tuple[OnConflict, list[Row]]]
) -> None:
    def told(outcome: Outcome) -> tuple[Any, ...]:
        [verdict] = outcome.verdicts
        return (
            verdict.present,
            verdict.changed,
            violations(outcome),
            outcome.counts(verdict),
            verdict.accepted.to_pylist(),
        )

    gate.empty()
    one_by_one = [told(gate.send(how, *rows)) for how, rows in requests]
    after = gate.badges()
    gate.empty()
    with gate.writer.lock:
        waiting = [
            gate.writer.insert(insert("badges", *rows, on_conflict=how)) for how, rows in requests
        ]
    assert [told(done(each)) for each in waiting] == one_by_one
    assert gate.badges() == after


@WAYS
@pytest.mark.parametrize("count", [FEW, FEW + 1, 300])
def test_rows_that_come_again_are_found_however_many_and_of_either_sign(
    gate: Gate, count: int, way: Any
) -> None:
    ids = [(-1) ** n * (1_000 + n) for n in range(count)]
    there = [badge(each, f"c{place}", each) for place, each in enumerate(ids)]
    new = [badge(5_000 + n, f"n{n}", None, 1) for n in range(count)]
    both = [row for pair in zip(there, new, strict=True) for row in pair]
    changed = [badge(each, f"n{each}", each) for each in ids]

    def counts(on_conflict: OnConflict, rows: list[Row]) -> tuple[int, int, int, int]:
        sent = Insert([way(judged("badges", *rows))], on_conflict=on_conflict)
        outcome = done(gate.writer.insert(sent))
        found = outcome.counts(outcome.verdicts[0])
        return found["accepted"], found["changed"], found["already_present"], found["rejected"]

    assert counts("error", there) == (count, 0, 0, 0)
    assert counts("ignore", both) == (count, 0, count, 0)
    assert counts("merge", both) == (0, 0, 2 * count, 0)
    assert counts("ignore", changed) == (0, 0, 0, count)
    assert counts("merge", changed) == (0, count, 0, 0)
    assert gate.badges()[ids[-1]] == changed[-1]
