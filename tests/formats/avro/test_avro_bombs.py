"""A small Avro file that becomes a large one is refused, in bounded memory."""

import bz2
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard

from service.formats.avro import container
from tests.support import CHECKOUT
from tests.support.foreign import block, field, header

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
