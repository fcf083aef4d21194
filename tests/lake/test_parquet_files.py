"""What a file of the lake has of values that not all who read Parquet know."""

import io
from datetime import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.lake.parquet_files import write_file
from service.outbox.content import with_leading
from service.stores.folder import FolderStore


@pytest.mark.parametrize(
    ("of_day", "text"),
    [
        (time(), "00:00:00"),
        (time(10, 20, 30), "10:20:30"),
        (time(16, 2, 8, 500_000), "16:02:08.5"),
        (time(23, 59, 59, 10), "23:59:59.00001"),
        (time(10, 0, 0, 999_999), "10:00:00.999999"),
        (None, None),
    ],
)
def test_a_time_of_day_is_text_in_its_one_form(
    tmp_path: Path, of_day: time | None, text: str | None
) -> None:
    rows = pa.record_batch({"id": pa.array([1]), "at": pa.array([of_day], pa.time64("us"))})
    store = FolderStore(tmp_path)
    with store.writing("file.parquet") as into:
        write_file(into, rows.schema, [with_leading(rows, 1, 0, "insert")])
    (found,) = pq.read_table(io.BytesIO(store.read("file.parquet", 1 << 20)[0])).to_pylist()
    assert (found["id"], found["at"]) == (1, text)
