"""Decides which rows of a request go in, by the rules that need other rows: unique, relationships.

The same definition as in macros/history.sql (judge_keys): a value is taken by a row of the
table, or by an earlier row of the request that breaks no rule but, at most, unique ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.dictionary import Column, Table
from service.door.judge import Batch, Violation
from service.warehouse.keys import Keys


@dataclass
class Verdict:
    """What becomes of one table's rows: those to insert, and the violations by position."""

    batch: Batch
    accepted: pa.Table
    rejected: dict[int, list[Violation]]


def admit(batch: Batch, keys: Keys) -> Verdict:
    """Judges `batch` against `keys` and adds the keys of what is accepted to them."""
    table = batch.table
    if _all_fit(batch, keys):
        rejected = {
            position: _in_order(table, broken.violations + _of_broken(batch, position, keys))
            for position, broken in batch.broken.items()
        }
        _take(batch.keys, table, keys, None)
        return Verdict(batch, batch.fitting, rejected)
    return _row_by_row(batch, keys)


def _all_fit(batch: Batch, keys: Keys) -> bool:
    for column in batch.table.columns:
        values = batch.keys.get(column.name)
        if values is None:
            continue
        if not column.required:
            values = [value for value in values if value is not None]
        if column.is_unique and not keys.all_new((batch.table.name, column.name), values):
            return False
        if column.reference and not keys.all_known(_parent(column), values):
            return False
    return True


def _parent(column: Column) -> tuple[str, str]:
    assert column.reference is not None
    return column.reference.args["parent"], column.reference.args["field"]


def _of_broken(batch: Batch, position: int, keys: Keys) -> list[Violation]:
    """What is wrong with the keys of a row that is broken already, when all other rows go in."""
    found = _of_references(batch.table, batch.broken[position].keys, keys)
    for column in batch.table.columns:
        value = batch.broken[position].keys.get(column.name)
        if column.is_unique and value is not None:
            taken = keys.has((batch.table.name, column.name), value)
            if taken or _first(batch, column.name, value, position):
                found.append(_violation(column, "unique", value))
    return found


def _first(batch: Batch, column: str, value: Any, position: int) -> bool:
    values = batch.keys[column]
    return value in values and batch.positions[values.index(value)] < position


def _of_references(table: Table, row: Mapping[str, Any], keys: Keys) -> list[Violation]:
    return [
        _violation(column, "relationships", row[column.name])
        for column in table.columns
        if column.reference
        and row.get(column.name) is not None
        and not keys.has(_parent(column), row[column.name])
    ]


def _violation(column: Column, kind: str, value: Any) -> Violation:
    rule = next(rule for rule in column.rules if rule.kind == kind)
    return Violation(column.name, kind, rule.message(value), value)


def _row_by_row(batch: Batch, keys: Keys) -> Verdict:
    table = batch.table
    claimed: dict[str, set[Any]] = {c.name: set() for c in table.columns if c.is_unique}
    places = {position: i for i, position in enumerate(batch.positions)}
    rejected: dict[int, list[Violation]] = {}
    going_in: list[int] = []
    for position in range(batch.received):
        broken = batch.broken.get(position)
        row = (
            broken.keys
            if broken
            else {name: values[places[position]] for name, values in batch.keys.items()}
        )
        found = (broken.violations if broken else []) + _of_references(table, row, keys)
        fits_but_for_unique = not found
        for column in table.columns:
            value = row.get(column.name)
            if not column.is_unique or value is None:
                continue
            if value in claimed[column.name] or keys.has((table.name, column.name), value):
                found.append(_violation(column, "unique", value))
            if fits_but_for_unique:
                claimed[column.name].add(value)
        if found:
            rejected[position] = _in_order(table, found)
        else:
            going_in.append(places[position])
    _take(batch.keys, table, keys, going_in)
    return Verdict(batch, batch.fitting.take(pa.array(going_in, pa.int64())), rejected)


def _in_order(table: Table, violations: list[Violation]) -> list[Violation]:
    """By column as the dictionary has them; within one, those of the row itself first."""
    order = {name: i for i, name in enumerate(table.column_names)}
    last = len(order)
    return sorted(
        violations,
        key=lambda each: (order.get(each.column or "", last), each.rule == "unique"),
    )


def _take(
    values: Mapping[str, list[Any]], table: Table, keys: Keys, rows: list[int] | None
) -> None:
    for column in table.columns:
        if column.is_unique:
            taken = values[column.name]
            if rows is not None:
                taken = [taken[i] for i in rows]
            if not column.required:
                taken = [value for value in taken if value is not None]
            keys.add((table.name, column.name), taken)
