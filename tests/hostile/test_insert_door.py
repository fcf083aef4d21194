"""Bodies that no client should send: what goes in is what an independent reading says, to the bit.

Most are only parsed and judged; a share goes over a socket, and at the end the tables are compared.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from service.dictionary import Table
from service.errors import Problem
from service.formats.bodies.body_rows import rows_of
from service.formats.bodies.encodings import decompressed
from service.judge.batch import Batch
from service.judge.judge import Judge
from tests.support import world
from tests.support.bodies import WRITERS, compressed, damaged, row
from tests.support.chance import TIMES, cases, chance, done, repeat
from tests.support.door import Door
from tests.support.readings import READINGS, Said, Unread, is_plain_csv, json_value, same
from tests.support.rows import CSV, MSGPACK, TABLES

JUDGED, SENT = 6_400, 1_000
LIMIT = 1 << 20  # bytes of a body
RATIO = 1_000  # as much as any body here
REFUSALS = {400, 413, 415, 422}
DEEP = 60  # levels; the service refuses a body that is nested deeper than 64


def columns_of(table: Table) -> dict[str, str]:
    return {column.name: column.type.name for column in table.columns}


TABLES_JUDGED = [world.DEPARTMENTS, world.JOBS, world.HIRED, world.SAMPLES]


def body_for(random: Random, columns: dict[str, str], numbers: list[int]) -> tuple[str, bytes]:
    """A body with a row for each number, in any format; half of them are damaged."""
    kind = random.choice(list(WRITERS))
    body = WRITERS[kind](random, [row(random, columns, number) for number in numbers])
    return kind, damaged(random, body) if random.random() < 0.5 else body


@pytest.mark.parametrize("part", range(4))
def test_what_is_judged_is_what_was_sent(part: int):
    random, seen = chance(f"judged {part}"), Counter[str]()
    judges = [Judge(table) for table in TABLES_JUDGED]
    for number in range(cases(JUDGED // 4)):
        judge = random.choice(judges)
        numbers = [random.randint(1, 10**6) for _ in range(random.choice([1, 1, 2, 3, 6]))]
        kind, body = body_for(random, columns_of(judge.table), numbers)
        sent, encoding = compressed(random, body)
        try:
            seen[judged(judge, kind, sent, encoding)] += 1
        except Exception as error:
            error.add_note(f"{repeat()}, case {number} of part {part}: {kind} {encoding} {sent!r}")
            raise
    done["bodies judged"] += seen.total()
    # They were worth judging: each end came often, if there were enough of them.
    often = seen.total() // 50 if TIMES >= 1 else -1
    assert all(seen[end] > often for end in ("refused", "all", "some", "none")), seen


def judged(judge: Judge, kind: str, sent: bytes, encoding: str) -> str:
    """What became of a body, once that is known to be right."""
    try:
        body = decompressed(sent, encoding, LIMIT, RATIO)
        batch = judge.judge(rows_of(body, kind), 1000)
    except Problem as problem:
        check_refusal(problem, kind, sent if encoding == "identity" else None)
        return "refused"
    if kind == CSV and not is_plain_csv(body):
        assert batch.received == len(batch.positions) + len(batch.broken)
    else:
        check_batch(batch, READINGS[kind](body), judge.table, kind)
    return "all" if not batch.broken else "some" if batch.positions else "none"


def check_refusal(problem: Problem, kind: str, body: bytes | None) -> None:
    """A body is refused when it cannot be read, has no rows, or is nested too deeply."""
    assert problem.status in REFUSALS
    if body is None or (kind == CSV and not is_plain_csv(body)):
        return
    try:
        rows = READINGS[kind](body)
    except Unread:
        return
    reasons = (
        not rows,
        len(rows) > 1000,
        depth(rows) > DEEP,
        "surrogate" in problem.detail or re.search(rb"\\u[dD][89a-fA-F]", body),
        # Whoever reads by hand knows of no limit of a type, and of no key that cannot be one.
        kind == MSGPACK and re.search("row|time|hashable", problem.detail) is not None,
    )
    assert any(reasons), (problem.detail, rows)


def depth(value: Any) -> int:
    """How many levels there are in a value."""
    level, levels = [value], 0
    while level and levels < 1000:
        levels += 1
        level = [
            each
            for outer in level
            for each in (
                [outer.value]
                if isinstance(outer, Said)
                else outer
                if isinstance(outer, list | tuple)
                else []
            )
        ]
    return levels


def check_batch(batch: Batch, rows: list[Said], table: Table, kind: str) -> None:
    """Each row is either there, with each value as it was sent, or kept out for a reason."""
    assert batch.received == len(rows) == len(batch.positions) + len(batch.broken)
    assert {*batch.positions} | batch.broken.keys() == {*range(len(rows))}
    assert [*batch.positions] == sorted(batch.positions)
    kept = batch.fitting.to_pylist()
    for position, values in zip(batch.positions, kept, strict=True):
        check_kept(values, rows[position], table)
    for position, broken in batch.broken.items():
        assert broken.violations
        said = msgspec.json.encode(broken.violations, enc_hook=repr)
        assert json.loads(said)
        assert not surely_fits(rows[position], table), (rows[position], broken.violations)
        payload = json_value(batch.payload(position))
        if kind == CSV:
            assert dict(payload) == {
                "_rest" if n is None else n: v for n, v in rows[position].pairs or ()
            }
        elif kind != MSGPACK:
            assert payload == rows[position].value


def check_kept(values: dict[str, Any], said: Said, table: Table) -> None:
    """The values are those that were sent, and each follows its column's rules."""
    assert said.pairs is not None
    assert len({*said.names}) == len(said.names), "a name stands twice"
    sent = dict(said.pairs)
    assert sent.keys() <= {*table.column_names}
    for column in table.columns:
        value = values[column.name]
        assert same(value, sent.get(column.name), said.of_text), (column.name, value, sent)
        assert not broken_rules(value, column), (column.name, value)


def broken_rules(value: Any, column: Any) -> list[str]:
    """The rules that a kept value breaks, by plain Python."""
    if value is None:
        return ["not_null"] if column.required else []
    found = []
    for rule in column.own_rules:
        if rule.kind == "not_blank" and (not value or value.isspace()):
            found.append(rule.kind)
        if rule.kind == "max_length" and len(value) > rule.args["length"]:
            found.append(rule.kind)
        if rule.kind == "in_range" and value < rule.args["min"]:
            found.append(rule.kind)
    return found


def surely_fits(said: Said, table: Table) -> bool:
    """Whether there is no doubt at all about a row."""
    if said.pairs is None or sorted(map(str, said.names)) != sorted(table.column_names):
        return False
    sent = dict(said.pairs)
    return all(_surely(sent[column.name], column, said.of_text) for column in table.columns)


def _surely(sent: Any, column: Any, of_text: bool) -> bool:
    kind = column.type.name
    if kind in ("integer", "bigint"):
        plain = re.fullmatch("[1-9][0-9]{0,8}", str(sent), re.ASCII) is not None
        return plain and type(sent) is (str if of_text else int)
    if kind == "varchar":
        return isinstance(sent, str) and re.fullmatch(r"[A-Za-z0-9_:';-]{1,50}", sent) is not None
    if kind == "timestamp":
        form = r"[1-9]\d{3}-(0[1-9]|1[0-2])-([01][1-9]|2[0-8])T([01]\d|2[0-3])(:[0-5]\d){2}Z"
        return isinstance(sent, str) and re.fullmatch(form, sent, re.ASCII) is not None
    return sent is None


@dataclass
class Expected:
    """Rows that the service said that it took, as an independent reading of the bodies has them."""

    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    rejected: int = 0

    def note(self, door: Door, table: str, kind: str, body: bytes, answer: httpx.Response) -> None:
        """Checks an answer, and keeps what has to be in the table."""
        self.statuses[answer.status_code] += 1
        assert answer.status_code in {201, 207, *REFUSALS}, answer.text
        said = answer.json()
        if answer.status_code in (201, 207) or said.get("rejections"):
            rows = READINGS[kind](body)
            kept_out = {each["row"] for each in said["rejections"]}
            assert said["received"] == len(rows) == said["accepted"] + said["rejected"]
            assert len(kept_out) == said["rejected"]
            self.rejected += said["rejected"]
            for position, each in enumerate(rows):
                if position not in kept_out:
                    self.rows.setdefault(table, []).append((door, each))

    def check(self, table: str, there: list[dict[str, Any]]) -> None:
        """Whether those rows and no others have come into the table."""
        wanted = [each for _, each in self.rows.get(table, [])]
        assert len(wanted) == len(there)
        by_id = {each["id"]: each for each in there}
        for each in wanted:
            sent = dict(each.pairs)
            kept = by_id.pop(int(float(sent["id"])))
            assert all(same(kept[name], sent.get(name), each.of_text) for name in kept), (
                kept,
                sent,
            )
        assert not by_id


def test_what_goes_in_is_what_was_sent_and_what_is_refused_leaves_nothing(door: Door):
    random, expected = chance("sent"), Expected()
    before = {name: ids(door, name) for name in TABLES}
    kept_before = rejections(door)
    judges = {name: columns_in(door, name) for name in TABLES}
    for number in range(cases(SENT)):
        table = random.choice(TABLES)
        fresh = door.fresh(random.choice([1, 1, 2, 3, 8]))
        numbers = [random.choice([*[each] * 15, 3]) for each in fresh]
        kind, body = body_for(random, judges[table], numbers)
        if kind == CSV and not is_plain_csv(body):
            continue
        sent, encoding = compressed(random, body)
        headers = {"content-type": kind, "content-encoding": encoding}
        try:
            answer = door.client.post(f"/v1/tables/{table}/rows", content=sent, headers=headers)
            judged_at_all = answer.status_code < 400 or answer.json().get("rejections")
            plain = decompressed(sent, encoding, LIMIT, RATIO) if judged_at_all else b""
            expected.note(door, table, kind, plain, answer)
        except Exception as error:
            error.add_note(f"{repeat()}, case {number}: {table} {kind} {encoding} {sent!r}")
            raise
    done["bodies sent"] += expected.statuses.total()
    for name in TABLES:
        expected.check(name, added(door, name, before[name]))
    assert rejections(door) - kept_before == expected.rejected
    often = 20 if TIMES >= 1 else 0
    assert all(expected.statuses[each] > often for each in (201, 207, 400, 422)), expected.statuses
    assert door.client.get("/v1/audit").json()["ok"]


def ids(door: Door, table: str) -> list[int]:
    return [number for (number,) in door.ask(f"select id from core.{table}")]


def rejections(door: Door) -> int:
    return int(door.ask("select count(*) from ops.rejections")[0][0])


def columns_in(door: Door, table: str) -> dict[str, str]:
    page = door.client.get(f"/v1/tables/{table}").json()
    return {column["name"]: column["type"] for column in page["columns"]}


def added(door: Door, table: str, before: list[int]) -> list[dict[str, Any]]:
    names = list(columns_in(door, table))
    query = f"select {', '.join(names)} from core.{table} where id not in (select unnest(?))"
    return [dict(zip(names, each, strict=True)) for each in door.ask(query, before)]
