"""Rules that DuckDB judges: over whole rows, and where a predicate fails."""

from datetime import date
from typing import Any

import msgspec
import pyarrow as pa

from service.dictionary import Column, Rule, SqlRule, Table
from service.dictionary.column_types import TYPES
from service.formats.bodies.body_rows import rows_of
from service.judge.judge import Judge
from service.judge.process.frames import batch_of, verdict_of
from service.judge.row_rules import RowRules


def own(predicate: str, column: str | None = None, **more: Any) -> Rule:
    """A rule of a kind of one's own, as a build has compiled it."""
    return Rule("own", column, {}, sql=SqlRule(predicate, "it is wrong", "right"), **more)


def table(*rules: Rule) -> Table:
    columns = {"id": "integer", "text": "varchar", "day": "date"}
    return Table(
        "t",
        "One row per case.",
        "id",
        tuple(
            Column(name, TYPES[kind], "", tuple(r for r in rules if r.column == name))
            for name, kind in columns.items()
        ),
        rules=tuple(r for r in rules if r.column is None),
    )


def judged(rule: Rule, *rows: dict[str, Any]) -> list[list[str]]:
    """The kinds of rules that each row breaks."""
    batch = Judge(table(rule)).judge(rows_of(msgspec.json.encode(rows), "application/json"))
    return [
        [v.rule for v in batch.broken[i].violations] if i in batch.broken else []
        for i in range(len(rows))
    ]


def test_a_row_on_which_a_predicate_fails_breaks_it_and_the_others_are_judged() -> None:
    texts = ["7", "no number", "-7", *(str(i + 1) for i in range(100)), "nor this"]
    rows = pa.table(
        {"id": pa.array(range(len(texts)), pa.int32()), "text": texts, "day": [date.max] * 104}
    )
    rules = RowRules(table(), [own("cast(text as integer) > 0", "text"), own("id < 50")])
    positive, small = rules.broken(rows)
    assert positive.rows.nonzero()[0].tolist() == [1, 2, 103]
    assert positive.not_judged is not None
    assert positive.not_judged.nonzero()[0].tolist() == [1, 103]
    assert positive.message(1, "no number") == "it is wrong; it cannot be evaluated for this row"
    assert (positive.message(2, "-7"), small.not_judged) == ("it is wrong", None)
    assert small.rows.nonzero()[0].tolist() == list(range(50, 104))


def test_null_fits_and_a_missing_value_is_not_asked() -> None:
    rows = {"id": 1, "text": "a"}, {"id": 2}, {"id": None, "text": "b"}
    assert judged(own("id > 1"), *rows) == [["own"], [], []]
    assert judged(own("text is not null and id is not null", "text"), *rows) == [[], [], ["own"]]


def test_what_looks_at_a_value_that_cannot_be_read_is_not_asked() -> None:
    rows = {"id": "x", "text": "a"}, {"id": None, "text": "a"}
    assert judged(own("id is not null"), *rows) == [["type"], ["own"]]
    assert judged(own("text = 'b'", where="id is null"), *rows) == [["type"], ["own"]]
    assert judged(own("text = 'b'"), *rows) == [["type", "own"], ["own"]]


def test_a_rule_is_asked_of_rows_of_which_its_where_is_true() -> None:
    rows = {"id": 1}, {"id": 2}, {"id": None}
    required = Rule("not_null", "text", where="id > 1")
    assert judged(required, *rows) == [[], ["not_null"], []]


def test_a_row_that_goes_in_is_told_of_and_the_other_process_says_the_same() -> None:
    rules = own("id < 2", warns=True), Rule("max_length", "text", {"length": 1}, warns=True)
    body = msgspec.json.encode([{"id": 1, "text": "a"}, {"id": 2, "text": "ab"}])
    judge = Judge(table(*rules))
    batch = judge.judge(rows_of(body, "application/json"))
    assert not batch.broken
    assert {i: [(v.rule, v.value) for v in said] for i, said in batch.warnings.items()} == {
        1: [("max_length", "ab"), ("own", None)]
    }
    verdict, data = verdict_of(batch)
    assert batch_of(verdict, bytes(data), judge, None).warnings == batch.warnings  # type: ignore[arg-type]
