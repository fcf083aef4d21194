"""The form for one row, made from the dictionary, and how its row goes in: by the door of inserts.

Its values are text, as those of a CSV file are, and are read in the same way.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from service.console.choices import choices_of
from service.console.judged_rows import as_text
from service.dictionary import Column, Table
from service.doors.inserts import Answer, InsertOptions
from service.engines.engine import Connection
from service.formats.bodies.csv_lines import csv_line
from service.gate import Gate
from service.judge.batch import Violation
from service.ops import records
from service.runtime.clock import utc_now
from service.warehouse.work import Idempotency, Outcome

PREFIX = "value."  # of the names of fields, so that a column may have any name
CSV = "text/csv"


@dataclass(frozen=True)
class FormField:
    """A field of the form: its value, what is wrong with it, and values to choose from.

    `choices` are values with what they stand for; `is_closed` where no other value will do.
    """

    column: Column
    value: str
    messages: Sequence[str] = ()
    choices: Sequence[tuple[str, str]] = ()
    is_closed: bool = False

    @property
    def name(self) -> str:
        """Of the field in the form."""
        return PREFIX + self.column.name

    @property
    def words(self) -> str:
        """What is demanded of a value, as a sentence; whether one is required is told elsewhere."""
        rules = [rule.words for rule in self.column.rules if rule.kind != "not_null"]
        reads = self.column.type.reads
        if any("written like" in words for words in rules):  # said once, by the stricter one
            reads = reads.partition(" written like")[0]
        said = ", ".join([reads, *rules])
        return f"{said[0].upper()}{said[1:]}."


def fields_of(
    gate: Gate, table: Table, values: Mapping[str, str], violations: Sequence[Violation] = ()
) -> list[FormField]:
    """The fields for a row of `table`, with what was typed and what was wrong with it.

    There is none for an id that the service gives.
    """
    with gate.database.reading() as connection:
        return [
            _field(
                *(connection, gate, column, values.get(column.name, "")),
                [each.message for each in violations if _is_about(table, column, each)],
            )
            for column in table.columns
            if not column.is_generated
        ]


def _is_about(table: Table, column: Column, violation: Violation) -> bool:
    return violation.column is not None and column.name in table.named_in(violation.column)


def _field(
    connection: Connection, gate: Gate, column: Column, value: str, messages: list[str]
) -> FormField:
    values = next((r.args["values"] for r in column.rules if r.kind == "accepted_values"), None)
    if values is not None:
        texts = [as_text(each) or "" for each in values]
        return FormField(column, value, messages, [(text, text) for text in texts], True)
    return FormField(column, value, messages, choices_of(connection, gate, column))


def typed(table: Table, form: Mapping[str, str]) -> dict[str, str]:
    """What a form says of the columns of `table`."""
    return {name: form.get(PREFIX + name, "") for name in table.column_names}


async def add_row(
    gate: Gate, table: Table, values: Mapping[str, str], *, actor: str | None, once: str
) -> tuple[list[Violation], str]:
    """Inserts the row of a form; what is wrong with it, nothing if it went in, now or before. And
    its primary key: "" where it was given one before.

    It is judged first: one with faults comes back to who typed it, and is not put on record. A
    second click of the same form (`once`) finds the answer to the first.
    """
    digest = hashlib.sha256(msgspec.json.encode([table.name, values])).hexdigest()
    asked = Idempotency(f"form/{actor or ''}/{once}/{digest}", digest)
    judged = await _insert(gate, table, values, dry_run=True)
    if (violations := _violations(judged)) and not await asyncio.to_thread(is_known, gate, asked):
        return violations, ""
    done = await _insert(gate, table, values, actor=actor, asked=asked)
    key = table.key_of({name: values[name].strip() for name in table.key_names})
    if not isinstance(done, Outcome):
        return [], key
    ids = done.ids(done.verdicts[0])
    return _violations(done), str(ids[0]) if ids else key


def is_known(gate: Gate, asked: Idempotency) -> bool:
    """Whether the form was answered before."""
    with gate.database.reading() as connection:
        return records.answer_to(connection, asked.key) is not None


async def _insert(
    gate: Gate,
    table: Table,
    values: Mapping[str, str],
    *,
    dry_run: bool = False,
    actor: str | None = None,
    asked: Idempotency | None = None,
) -> Answer:
    body = csv_line(values) + csv_line(values.values())
    options = InsertOptions(
        render=lambda done: kept_of(asked), dry_run=dry_run, actor=actor, idempotency=asked
    )
    return await gate.inserts.insert(table.name, body.encode(), CSV, options)


def kept_of(asked: Idempotency | None) -> records.AnswerRecord:
    """What is kept of the answer to a form: that there was one."""
    assert asked is not None
    return records.AnswerRecord(
        key=asked.key,
        request=asked.request,
        status=303,
        headers="{}",
        body=b"",
        created_at=utc_now(),
    )


def _violations(done: Answer) -> list[Violation]:
    assert isinstance(done, Outcome)
    (verdict,) = done.verdicts
    return verdict.rejected.get(0, [])
