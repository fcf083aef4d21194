"""The rows of a file are cut out of it as they stand there, and none is left behind."""

from io import BufferedReader, BytesIO

import pytest

from service.errors import DamagedBackup
from service.formats.avro.raw_records import RawRecords
from tests.support.foreign import block, field, header

SCHEMA = {"type": "record", "name": "row", "fields": [field("id", "int"), field("note", "string")]}
ROWS = [b"\x02\x02a", b"\x04\x04bc", b"\x06\x00"]


def records_of(*blocks: bytes) -> RawRecords:
    file: BufferedReader = BufferedReader(BytesIO(header(SCHEMA, "null") + b"".join(blocks)))
    return RawRecords(file)


def test_each_row_comes_as_it_is_encoded() -> None:
    records = records_of(block(2, b"".join(ROWS[:2])), block(0, b""), block(1, ROWS[2]))
    assert list(records) == ROWS
    again = RawRecords(BufferedReader(BytesIO(records.file_of(ROWS[1:]))))
    assert list(again) == ROWS[1:]


@pytest.mark.parametrize(("rows", "data"), [(1, ROWS[0] + ROWS[1]), (2, ROWS[0]), (0, ROWS[0])])
def test_a_block_that_holds_other_rows_than_it_says_is_refused(rows: int, data: bytes) -> None:
    with pytest.raises(DamagedBackup, match="the rows it should"):
        list(records_of(block(rows, data)))
