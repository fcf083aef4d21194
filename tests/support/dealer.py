"""Deals rows that two judges may see differently: sound, odd, double, too short, too long."""

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any
from uuid import UUID

from service.dictionary import Column, Table
from service.dictionary.written_values import Unreadable
from tests.support.odd_values import ODD, ODD_EXACT, WHITE, odd_texts

Line = list[str]  # the fields of one row as a CSV file has them; "" is a missing value
ODD_FIELDS = (0, 0, 0, 0, 1, 1, 1, 2, 2, 5)  # how many fields of a random row are odd


class Dealer:
    """Deals lines for one table; the same seed deals the same lines.

    `there` are lines that are in the table already, `parents` the values that a reference can name.
    Where a table has several unique columns, what is unique is repeated within `block` lines only:
    a line that is rejected for one of them keeps its other values from later lines of its file,
    and from the rest of its request, but not from another request.
    """

    def __init__(
        self,
        table: Table,
        random: Random,
        there: Sequence[Line],
        parents: Mapping[str, Sequence[str]],
        block: int,
    ) -> None:
        self._table, self._random, self._parents = table, random, parents
        self._there = list(there)
        self._block = block
        self._next = 1_000 + len(self._there)
        self.lines: list[Line] = []

    def deal(self, at_least: int) -> list[Line]:
        """Every odd value of every column once in a row of its own, then rows of all kinds."""
        for column in self._table.columns:
            for value in [*odd_texts(column.type.name), *self._parents.get(column.name, ())[:3]]:
                self.lines.append(self._sound({column.name: value}))
        while len(self.lines) < at_least:
            self.lines.append(self._any())
        self._random.shuffle(self.lines)
        for place in range(0, len(self.lines), 9):
            self.lines.insert(place, self._seen_before(place))
        self.lines = [line for line in self.lines if any(line)]  # others say nothing to a file
        unique = [(i, column) for i, column in enumerate(self._table.columns) if column.is_unique]
        for i, column in unique if len(unique) > 1 else ():
            self._keep_within_blocks(i, column)
        return self.lines

    def sound(self, number: int) -> list[Line]:
        """Lines that fit."""
        return [self._sound({}) for _ in range(number)]

    def _any(self) -> Line:
        chosen = self._random.sample(
            self._table.columns, min(self._random.choice(ODD_FIELDS), len(self._table.columns))
        )
        line = self._sound({column.name: self._odd(column) for column in chosen})
        shape = self._random.random()
        if shape < 0.03:
            # One that lacks only what it need not have is in doubt as a line, and whole as a row.
            least = sum(column.required for column in self._table.columns) - 1
            return line[: self._random.randrange(1, max(least, 1) + 1)] if least else line
        if shape < 0.06:  # empty ones behind the last say nothing in a file
            return line + self._random.choice([["1"], ["", "x"], ["x", "y,z", ""], ["x", "x"]])
        return line

    def _seen_before(self, place: int) -> Line:
        """A line whose ids are there already: the same, perhaps in other letters, or another."""
        lines = self.lines[max(0, place - 300) : place] or self._there
        if self._there and self._random.random() < 0.4:
            lines = self._there
        line = list(self._random.choice(lines))
        if len(line) != len(self._table.columns):
            return line
        how = self._random.random()
        if how < 0.4:
            return line
        columns = list(enumerate(self._table.columns))
        if how < 0.6:
            return [self._rewritten(column, line[i]) for i, column in columns]
        i, column = self._random.choice(columns)
        line[i] = self._odd(column) if self._random.random() < 0.3 else self._value(column)
        return line

    def _keep_within_blocks(self, i: int, column: Column) -> None:
        block_of: dict[object, int] = {}
        for place, line in enumerate(self.lines):
            with suppress(IndexError, Unreadable):
                block = block_of.setdefault(
                    column.adjusted(column.type.from_text(line[i])), place // self._block
                )
                if line[i] and block != place // self._block:
                    line[i] = self._of_type(column)
                    self._next += 1

    def _rewritten(self, column: Column, text: str) -> str:
        if column.type.name in ("integer", "bigint") and text.isdigit():
            return self._random.choice(["0", ""]) + text + self._random.choice(["", ".0", ".000"])
        if column.type.name == "boolean":
            return self._random.choice([text.upper(), text.title(), text])
        if column.type.name == "timestamp" and text.endswith("Z"):
            ends = ["Z", "Z", "z", ".000Z", "+00:00", "-00:00", ".123456000+00:00", ".1234567Z"]
            return text[:-1].replace("T", self._random.choice("TTt")) + self._random.choice(ends)
        return text

    def _odd(self, column: Column) -> str:
        how = self._random.random()
        if how < 0.2:
            return ""
        if how < 0.3:
            return self._random.choice(ODD[self._random.choice(list(ODD))])
        if how < 0.4 and column.type.name == "varchar":
            return "".join(self._random.choices(WHITE + "ab", k=self._random.randrange(1, 7)))
        return self._random.choice(odd_texts(column.type.name))

    def _sound(self, given: Mapping[str, str]) -> Line:
        return [
            given[column.name] if column.name in given else self._value(column)
            for column in self._table.columns
        ]

    def _value(self, column: Column) -> str:
        self._next += 1
        if column.name in self._parents:
            return self._random.choice(self._parents[column.name])
        if not column.required and self._random.random() < 0.1:
            return ""
        text = self._of_type(column)
        if column.normalise and self._random.random() < 0.5:
            return self._random.choice(
                [text.lower(), f" {text}", f"{text}\t", f"  {text.upper()} "]
            )
        return text

    def _of_type(self, column: Column) -> str:
        random, args = self._random, _numbers_of(column)
        if "values" in args:
            return str(random.choice(args["values"]))
        match column.type.name:
            case "integer" | "bigint" if column.is_unique:
                return str(self._next)
            case "integer" | "bigint":
                return str(random.randint(args.get("min", -99), args.get("max", 9_999)))
            case "double":
                return repr(random.uniform(args.get("min", -1e9), args.get("max", 1e9)))
            case "boolean":
                return random.choice(["true", "false"])
            case "date":
                return f"{random.randint(1, 9999):04}-{random.randint(1, 12):02}-28"
            case "timestamp":
                day = f"2021-{random.randint(1, 12):02}-15"
                fraction = random.choice(["", f".{random.randrange(10**6):06}"])
                return f"{day}T10:11:{random.randrange(60):02}{fraction}Z"
            case name if name in ODD_EXACT:
                return self._of_exact_type(name, column.is_unique)
            case _ if column.is_unique:
                return f"ü{self._next}"
            case _:
                return random.choice(["Öl", "a b", "東京"])

    def _of_exact_type(self, name: str, is_unique: bool) -> str:
        random = self._random
        match name:
            case "tinyint" | "smallint":
                return str(random.randint(-9, 99))
            case "decimal(10,2)":
                return f"{self._next if is_unique else random.randint(-999, 9_999)}.25"
            case "uuid":
                return str(UUID(int=self._next if is_unique else random.getrandbits(128)))
            case "json":
                size = random.randrange(100)
                return random.choice([f'{{"b": {size}, "a": ["x", {{}}]}}', f'["{size}"]', '""'])
            case "time":
                return f"{random.randrange(24):02}:{random.randrange(60):02}:00"
            case _:
                hours = random.choice(["Z", "+02:00", "-11:30"])
                return f"2021-{random.randint(1, 12):02}-15T10:11:{random.randrange(60):02}{hours}"


def _numbers_of(column: Column) -> dict[str, Any]:
    """The arguments of its rules by which a value is drawn: lists of values, and numeric bounds."""
    return {
        name: value
        for rule in column.rules
        for name, value in rule.args.items()
        if not rule.where and not rule.warns and (name == "values" or not isinstance(value, str))
    }


def as_csv(header: Sequence[str], lines: Sequence[Line], random: Random) -> str:
    """A well-formed CSV file; what need not be quoted is quoted here and there."""
    text = io.StringIO(newline="")
    plain = csv.writer(text, lineterminator="\n")
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(header)
    for line in lines:
        # A file's spaces around a value count in quotes alone.
        needs = any(field != field.strip(" \t") or "\r" in field or "\n" in field for field in line)
        (quoting if needs or random.random() < 0.2 else plain).writerow(line)
    return text.getvalue()
