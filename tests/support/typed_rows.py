"""A table with a column of each type, and rows of it in which one value is written in some way."""

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from service.dictionary.column_types import ColumnType, type_of
from service.dictionary.written_values import Unreadable
from tests.support.cases import NOTHING, READINGS, Reading

ROWS = int(os.environ.get("TYPES_ROWS", "0"))  # so many more, made of the others
SEED = int(os.environ.get("TYPES_SEED", "20261129"))
is_json_number = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch
KINDS = sorted({reading.type for reading in READINGS})
COLUMNS = {kind: re.sub(r"\W+", "_", kind).strip("_") for kind in KINDS}
TYPED = "\n".join(
    [
        "- name: id\n  data_type: integer\n  description: Number.\n"
        "  constraints: [{type: primary_key}]\n  data_tests: [not_null, unique]",
        *(
            f"- name: {name}_\n  data_type: {kind}\n  description: Of its type."
            for kind, name in COLUMNS.items()
        ),
    ]
)
# Texts that a CSV file cannot have in a field without a doubt, or at all.
UNWRITABLE = re.compile("[\0\r\n\ufeff]|^$").search


class TypedRow(NamedTuple):
    """A row with one value besides its key: as it is written, and as it is shown, if it fits."""

    id: int
    type: ColumnType
    text: str
    shown: Any

    @property
    def column(self) -> str:
        return f"{COLUMNS[self.type.name]}_"


def shown_of(kind: ColumnType, value: Any) -> Any:
    """A value as rows in JSON have it."""
    if value is NOTHING:
        return NOTHING
    if isinstance(value, Decimal):
        return f"{value:.{kind.arrow.scale}f}"
    if isinstance(value, datetime):
        return f"{_short(value.replace(tzinfo=None).isoformat())}Z"
    if isinstance(value, date | time):
        return _short(value.isoformat())
    return json.loads(value) if kind.name == "json" else value


def _short(moment: str) -> str:
    return moment.rstrip("0") if "." in moment else moment


def typed_rows() -> list[TypedRow]:
    """All readings, and as many more as the environment wants."""
    readings = [*READINGS, *_more(Random(SEED))]
    return [
        TypedRow(number, type_of(each.type), each.text, shown_of(type_of(each.type), each.value))
        for number, each in enumerate(readings, 1)
        if not UNWRITABLE(each.text)
    ]


def _more(random: Random) -> Iterator[Reading]:
    for _ in range(ROWS):
        kind = random.choice(KINDS)
        text = random.choice([each.text for each in READINGS if each.type == kind])[:60]
        place = random.randrange(len(text) + 1)
        text = text[:place] + random.choice(["", "0", "9", ".", "-", "e", " ", "Z"]) + text[place:]
        yield Reading(kind, text, _read(type_of(kind), text))


def _read(kind: ColumnType, text: str) -> Any:
    try:
        return kind.array([kind.from_text(text)]).to_pylist()[0]
    except Unreadable:
        return NOTHING


def as_csv(rows: Iterable[TypedRow]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    names = [f"{name}_" for name in COLUMNS.values()]
    writer.writerow(["id", *names])
    for row in rows:
        writer.writerow([row.id, *(row.text if row.column == name else "" for name in names)])
    return text.getvalue()


def as_json(row: TypedRow) -> str | None:
    """The row in JSON, with a value of JSON's own type; None where JSON cannot say it."""
    kind, text = row.type, row.text
    if len(text) > 1000 or text.count("[") > 60:  # no JSON for every reader, or no row's
        return None
    if kind.name == "json":
        value = text if row.shown is not NOTHING else None
    elif kind.struct is str:
        value = json.dumps(text)
    elif kind.struct is bool:
        value = text if text in ("true", "false") else None
    else:
        value = text if is_json_number(text) and "e" not in text.lower() else None
    return value and f'{{"id": {row.id}, "{row.column}": {value}}}'
