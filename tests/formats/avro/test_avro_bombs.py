"""A small Avro file that becomes a large one is refused, in bounded memory."""

import bz2
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard

from service.errors import DamagedBackup
from service.formats.avro import container
from service.formats.avro.avro_files import BATCH_ROWS, AvroFile
from tests.support import CHECKOUT
from tests.support.foreign import block, encoded, field, header
from tests.support.world import DEPARTMENTS

FIELDS = [field("id", "int"), field("department", "string")]
SCHEMA = {"type": "record", "name": "Root", "fields": FIELDS}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bomb.avro"


def bomb(codec: str) -> bytes:
    """A gigabyte of zeros (or, uncompressed, less) in a block."""
    zeros = bytes(1 << 20)
    if codec == "deflate":
        press = zlib.compressobj(9, zlib.DEFLATED, -15)
        piece = press.compress(zeros) + press.flush(zlib.Z_FULL_FLUSH)  # refers to none before it
        return piece * (1 << 10) + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    if codec == "bzip2":
        packed = bz2.BZ2Compressor()
        return b"".join(packed.compress(zeros) for _ in range(1 << 8)) + packed.flush()
    frame = zstandard.ZstdCompressor().compressobj(size=1 << 30)
    return b"".join(frame.compress(zeros) for _ in range(1 << 10)) + frame.flush()


READ_WITH_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from service.formats.avro.avro_files import AvroFile
from service.errors import DamagedBackup
from tests.support.world import DEPARTMENTS
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv[2]), now + int(sys.argv[2])))
try:
    with open(sys.argv[1], "rb") as file:
        for _ in AvroFile(file, DEPARTMENTS).batches():
            pass
except DamagedBackup as error:
    print(error.detail)
"""


def reads_with(path: Path, spare: int) -> str:
    """What a process with `spare` bytes of memory more than it has says of the file."""
    run = subprocess.run(
        [sys.executable, "-c", READ_WITH_LITTLE_MEMORY, str(path), str(spare)],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "zstandard"])
def test_a_decompression_bomb_is_refused_in_bounded_memory(path: Path, codec: str):
    payload = bomb(codec)
    assert len(payload) < 2 << 20
    path.write_bytes(header(SCHEMA, codec) + block(1 << 20, payload))
    assert reads_with(path, 400 << 20) == "a block expands to more than 64 MiB"


def test_very_many_tiny_rows_are_read_in_bounded_memory(path: Path):
    # Two million rows of two bytes each in a block of 18 KiB; as dicts they would take 400 MB.
    rows = 2 << 20
    data = bytes(2 * rows)
    payload = container.compress("deflate", data)
    path.write_bytes(header(SCHEMA, "deflate") + block(rows, payload))
    assert len(payload) < 32 << 10
    assert reads_with(path, 200 << 20) == ""


def test_blocks_of_nothing_are_passed_over(path: Path) -> None:
    some = block(1, b"\x02\x02x")
    path.write_bytes(header(SCHEMA) + block(0, b"") * 1000 + some + block(0, b"") * 1000)
    with path.open("rb") as file:
        found = container.read_blocks(file, container.read_header(file))
        assert list(found) == [(1, b"\x02\x02x")]


def batches_of(path: Path, blocks: list[bytes]) -> list[list[int]]:
    """The ids in each batch that is read of the blocks."""
    path.write_bytes(header(SCHEMA) + b"".join(blocks))
    with path.open("rb") as file:
        batches = AvroFile(file, DEPARTMENTS).batches()
        return [batch.column("id").to_pylist() for batch in batches]


def payload(ids: list[int], name: str = "x") -> bytes:
    return encoded(FIELDS, [{"id": each, "department": name} for each in ids])


def test_blocks_of_a_row_are_read_as_one(path: Path) -> None:
    """Each would take half a millisecond by itself: a megabyte of them 20 seconds."""
    ids = list(range(BATCH_ROWS + 10))
    found = batches_of(path, [block(1, payload([each])) for each in ids])
    assert found == [ids[:BATCH_ROWS], ids[BATCH_ROWS:]]


@pytest.mark.parametrize("name", ["x", "x" * 600_000], ids=["small", "larger than a window"])
def test_small_blocks_and_large_ones_keep_their_order(path: Path, name: str) -> None:
    large = block(2, payload([3, 4], name))
    small = [block(1, payload([1])), block(0, b""), block(1, payload([2]))]
    found = batches_of(path, [*small, large, block(2, payload([5, 6])), large])
    assert [each for batch in found for each in batch] == [1, 2, 3, 4, 5, 6, 3, 4]


# A number in more bytes than it needs, which fastavro reads.
ODD = b"\x82\x80\x00\x02x"


@pytest.mark.parametrize("odd", [b"", ODD], ids=["by columns", "by rows"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1, payload([1, 2])), (2, payload([3]))),
        ((2, payload([1])), (1, payload([2, 3]))),
        ((0, payload([1])), (2, payload([2]))),
        ((1, payload([1])[:-1]), (1, payload([1])[-1:] + payload([2]))),
        ((1, payload([1])), (1, b"")),
        ((1, payload([1])), (1, payload([2, 3]))),
    ],
    ids=str,
)
def test_what_small_blocks_say_of_each_other_is_not_evened_out(
    path: Path, first: tuple[int, bytes], second: tuple[int, bytes], odd: bytes
) -> None:
    others = [block(1, odd)] if odd else []
    assert batches_of(path, [*others, block(1, payload([1])), block(1, payload([2]))])
    with pytest.raises(DamagedBackup, match="block"):
        batches_of(path, [*others, block(*first), block(*second)])
