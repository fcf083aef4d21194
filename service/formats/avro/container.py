"""Avro's object container file: header, blocks, codecs (Avro 1.12 specification).

A file may come from hostile hands: no length in it is believed before it is bounded, and a block
is decompressed no further than its limit. Every defect raises DamagedBackup.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from typing import BinaryIO

import pyarrow as pa
import zstandard

from service.errors import DamagedBackup

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
LARGEST_HEADER = 1 << 20  # bytes
LARGEST_BLOCK = 64 << 20  # bytes, both as it is stored and decompressed
_LONGEST_VARINT = 10  # bytes of a 64-bit number
_ZSTD_WINDOW = 8 << 20  # bytes of memory that a frame may ask for
_XZ_MEMORY = 80 << 20  # bytes; the highest preset takes 65 MiB
_PIECE = 1 << 20  # bytes
_NOT_COMPRESSED = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, ValueError, EOFError)


@dataclass(frozen=True)
class Header:
    """What a file says of itself; `schema` is JSON."""

    schema: bytes
    codec: str
    sync: bytes


def written_header(schema: bytes, codec: str, metadata: dict[str, str], sync: bytes) -> bytes:
    """The header of a file whose blocks end with `sync`."""
    entries = {"avro.schema": schema, "avro.codec": codec.encode()}
    entries |= {name: value.encode() for name, value in metadata.items()}
    parts = [MAGIC, long(len(entries))]
    for name, value in entries.items():
        parts += [_counted(name.encode()), _counted(value)]
    return b"".join([*parts, long(0), sync])


def written_block(rows: int, payload: bytes, sync: bytes) -> bytes:
    """A block of `rows` rows, compressed to `payload`."""
    return b"".join([long(rows), _counted(payload), sync])


def _counted(data: bytes) -> bytes:
    return long(len(data)) + data


def long(number: int) -> bytes:
    """`number` (64 bits) as Avro writes it: zigzag, then seven bits a byte."""
    rest, written = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)


def read_header(file: BufferedReader) -> Header:
    """Reads the header; `file` then stands at its first block."""
    start = file.tell()
    head = BytesIO(file.read(LARGEST_HEADER))
    if head.read(len(MAGIC)) != MAGIC:
        raise DamagedBackup("it is not an Avro file")
    try:
        entries = _read_entries(head)
        sync = _exactly(head, SYNC_BYTES)
    except EOFError:
        raise DamagedBackup("its header is cut off, or longer than 1 MiB") from None
    file.seek(start + head.tell())
    if "avro.schema" not in entries:
        raise DamagedBackup("its header has no schema")
    codec = entries.get("avro.codec", b"null").decode("ascii", "backslashreplace")
    if codec not in CODECS:
        raise DamagedBackup(f"its codec {codec[:40]!r} is not one of {', '.join(CODECS)}")
    return Header(entries["avro.schema"], codec, sync)


def _read_entries(head: BytesIO) -> dict[str, bytes]:
    entries: dict[str, bytes] = {}
    while count := _read_long(head):
        if count < 0:  # the count is then followed by the size of its entries in bytes
            count = -count
            _read_long(head)
        for _ in range(count):  # ends with the header's bytes at the latest: an entry takes two
            try:
                name = _read_counted(head).decode()
            except UnicodeDecodeError:
                raise DamagedBackup("its header has a name that is not UTF-8") from None
            if name in entries:
                raise DamagedBackup("its header says something twice")
            entries[name] = _read_counted(head)
    return entries


def _read_counted(source: BytesIO) -> bytes:
    return _exactly(source, _read_long(source))


def _exactly(source: BinaryIO, size: int) -> bytes:
    if size < 0:
        raise DamagedBackup("it has a negative length")
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _read_long(source: BinaryIO) -> int:
    number = 0
    for place in range(_LONGEST_VARINT):
        byte = source.read(1)
        if not byte:
            raise EOFError
        number |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            break
    else:
        raise DamagedBackup("it has a number of more than 64 bits")
    if number >> 64:
        raise DamagedBackup("it has a number of more than 64 bits")
    return (number >> 1) ^ -(number & 1)


def read_blocks(file: BufferedReader, header: Header) -> Iterator[tuple[int, bytes]]:
    """The rows and the payload, still compressed, of each block to the end of the file.

    Blocks of nothing, of which a file may have millions, are left out.
    """
    while file.peek(1):
        try:
            block = _read_block(file, header.sync)
        except EOFError:
            raise DamagedBackup("it is cut off in the middle of a block") from None
        if block != (0, b""):
            yield block


def _read_block(file: BinaryIO, sync: bytes) -> tuple[int, bytes]:
    rows, size = _read_long(file), _read_long(file)
    if rows < 0 or not 0 <= size <= LARGEST_BLOCK:
        raise DamagedBackup(f"it has a block of {rows} rows in {size} bytes")
    payload = _exactly(file, size)
    if _exactly(file, SYNC_BYTES) != sync:
        raise DamagedBackup("a block does not end with the file's sync marker")
    return rows, payload


@dataclass(frozen=True)
class Codec:
    """How the payload of a block is compressed; `expand` does no more than tell that its bytes are
    more than the number it is given.
    """

    compress: Callable[[bytes], bytes]
    expand: Callable[[bytes, int], bytes]


def compress(codec: str, data: bytes) -> bytes:
    """The payload of a block that `expand` will read again.

    Raises:
        ValueError: `data` is larger than a block may be.
    """
    if len(data) > LARGEST_BLOCK:
        raise ValueError(f"a block of {len(data)} bytes is too large")
    return CODECS[codec].compress(data)


class LargeBlock(DamagedBackup):
    """A block expands to more bytes than it may."""


def expand(codec: str, payload: bytes, limit: int = LARGEST_BLOCK) -> bytes:
    """The bytes of a block; raises LargeBlock where they are more than `limit`."""
    try:
        data = CODECS[codec].expand(payload, limit)
    except _NOT_COMPRESSED as error:
        raise DamagedBackup(f"a block cannot be decompressed as {codec}") from error
    if len(data) > limit:
        raise LargeBlock(f"a block expands to more than {limit / (1 << 20):g} MiB")
    return data


def _deflate(data: bytes) -> bytes:
    # Without zlib's header. Level 1 makes files 3 % larger than level 3 in two thirds of the
    # time, and 15 % larger than level 6 in a third.
    press = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return press.compress(data) + press.flush()


def _inflate(payload: bytes, limit: int) -> bytes:
    press = zlib.decompressobj(-zlib.MAX_WBITS)
    data = press.decompress(payload, limit + 1)
    # Apache's Python library leaves three bytes of zlib's checksum at the end.
    checksum = zlib.adler32(data).to_bytes(4, "big")
    return _ended(data, limit, press.eof and checksum.startswith(press.unused_data))


def _unbzip2(payload: bytes, limit: int) -> bytes:
    press = bz2.BZ2Decompressor()
    data = press.decompress(payload, limit + 1)
    return _ended(data, limit, press.eof and not press.unused_data)


def _ended(data: bytes, limit: int, at_the_end: bool) -> bytes:
    if not at_the_end and len(data) <= limit:
        raise EOFError
    return data


def _zstandard(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)


def _unzstandard(payload: bytes, limit: int) -> bytes:
    # By pieces: what a frame says of its size is not believed.
    press = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    pieces, size = [], 0
    with press.stream_reader(payload, read_across_frames=True) as reader:
        while size <= limit and (piece := reader.read(_PIECE)):
            pieces.append(piece)
            size += len(piece)
    return b"".join(pieces)


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=1)


def _unxz(payload: bytes, limit: int) -> bytes:
    press = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    data = press.decompress(payload, limit + 1)
    return _ended(data, limit, press.eof and not press.unused_data)


def _snappy(data: bytes) -> bytes:
    return bytes(pa.compress(data, "snappy", asbytes=True)) + zlib.crc32(data).to_bytes(4, "big")


def _unsnappy(payload: bytes, limit: int) -> bytes:
    packed, checksum = payload[:-4], payload[-4:]
    size = 0
    for place, byte in enumerate(packed[:5]):  # it begins with the number of its bytes
        size |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    if size > limit:
        raise LargeBlock(f"a block says that it expands to {size} bytes")
    data: bytes = pa.decompress(packed, size, "snappy", asbytes=True)
    if zlib.crc32(data).to_bytes(4, "big") != checksum:
        raise ValueError("its checksum is another")
    return data


CODECS = {
    "deflate": Codec(_deflate, _inflate),
    "zstandard": Codec(_zstandard, _unzstandard),
    "bzip2": Codec(bz2.compress, _unbzip2),
    "snappy": Codec(_snappy, _unsnappy),
    "xz": Codec(_xz, _unxz),
    "null": Codec(bytes, lambda payload, _: payload),
}
