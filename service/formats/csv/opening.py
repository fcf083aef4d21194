"""Bytes of a file, decompressed and in UTF-8, in pieces."""

import codecs
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zstandard

from service.formats.bodies.encodings import WINDOW
from service.formats.csv.dialect import UnreadableFile

# Bytes of a piece. What is made of it has room in the memory that the last one left; for twice as
# many the system would clear memory anew each time, which took a quarter of the time.
BLOCK = 1 << 19
SMALL_FILE = 64 << 20  # bytes; up to here, a file may have been compressed to any size
MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before that of UTF-16, which it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

# CR is the end of a line, LF a character in one: they change places, and back when text is made.
SWAPPED = bytes.maketrans(b"\r\n", b"\n\r")
UNKNOWN = "gatehouse.unknown"  # the error handler that marks what an encoding does not know
MARK = b"\xff"  # in no text of UTF-8

Counted = Callable[[int], Any]  # is told how many bytes of the file itself were read


def compression_of(path: Path) -> str | None:
    """How the file is compressed, by its first bytes; None when it is not."""
    with path.open("rb") as file:
        first = file.read(4)
    return next((name for magic, name in MAGIC.items() if first.startswith(magic)), None)


def limit_of(path: Path, max_bytes: int, max_ratio: int) -> int:
    """How many bytes a file may have: a compressed one of over 64 MiB has at most a ratio.

    A file of 2 MB could be one of 2 GB, with a billion lines to be looked at.
    """
    if compression_of(path) is None:
        return max_bytes
    return min(max_bytes, max(SMALL_FILE, max_ratio * path.stat().st_size))


def pieces(path: Path, max_bytes: int, counted: Counted = lambda _: None) -> Iterator[bytes]:
    """The file's bytes, decompressed, in pieces of about BLOCK.

    Raises:
        UnreadableFile: it is more than `max_bytes`, or is damaged.
    """
    compression, size = compression_of(path), 0
    raw = _raw(path, counted)
    try:
        for piece in _decompressed(raw, compression) if compression else raw:
            size += len(piece)
            if size > max_bytes:
                shrunk = f", decompressed from {compression}" if compression else ""
                raise UnreadableFile(f"it is larger than {max_bytes} bytes{shrunk}")
            yield piece
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise UnreadableFile(f"its {compression} data is damaged or incomplete") from error


def _raw(path: Path, counted: Counted) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(BLOCK):
            counted(len(piece))
            yield piece


def _decompressed(raw: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """Frame after frame (of zstd), member after member (of gzip); no piece is large."""
    member: Any = None
    for piece in raw:
        while piece:
            if member is None:
                member = _Gzip() if compression == "gzip" else _Zstd()
            yield from member.decompressed(piece)
            piece = member.unused
            if member.ended:
                member = None
    if member is not None:
        raise EOFError("it ends too early")


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    def decompressed(self, piece: bytes) -> Iterator[bytes]:
        while not self._member.eof:
            out = self._member.decompress(piece, BLOCK)
            yield out
            piece = self._member.unconsumed_tail
            if not piece and len(out) < BLOCK:
                return

    @property
    def ended(self) -> bool:
        return self._member.eof

    @property
    def unused(self) -> bytes:
        return self._member.unused_data


class _Zstd:
    PIECE = 4096  # a piece this small is no more than 128 MiB, and mostly far less

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=WINDOW * 16).decompressobj()
        self.unused = b""

    def decompressed(self, piece: bytes) -> Iterator[bytes]:
        for at in range(0, len(piece), self.PIECE):
            yield self._frame.decompress(piece[at : at + self.PIECE])
            if self._frame.eof:
                self.unused = self._frame.unused_data + piece[at + self.PIECE :]
                return
        self.unused = b""

    @property
    def ended(self) -> bool:
        return bool(self._frame.eof)


def in_utf8(raw: Iterator[bytes], encoding: str, bom: bool) -> Iterator[bytes]:
    """The same in UTF-8 and without a BOM; before what `encoding` does not know stands MARK.

    A line with that byte is not UTF-8, and cannot be read.
    """
    mark = next((mark for mark, name in BOMS.items() if name == encoding), b"") if bom else b""
    plain = _without(mark, raw)
    if encoding == "utf-8":
        yield from plain
        return
    decoder = codecs.getincrementaldecoder(encoding)(UNKNOWN)
    for piece in plain:
        yield decoder.decode(piece).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def shown(text: bytes, encoding: str) -> str:
    """A text of a file, for people: what its encoding does not know as ``\\x81``."""
    return (text if encoding == "utf-8" else text.replace(MARK, b"")).decode(
        "utf-8", "backslashreplace"
    )


def _marked(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    unknown = error.object[error.start : error.end]
    return "\udcff" + "".join(f"\\x{byte:02x}" for byte in unknown), error.end


codecs.register_error(UNKNOWN, _marked)


def _without(mark: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    """Without the mark at its beginning, however often it stands there."""
    head = b""
    for piece in raw:
        head += piece
        if len(head) > 4 * len(mark):
            break
    marks = re.match(b"(?:%b)*+" % re.escape(mark), head, re.DOTALL)  # it may be nothing else
    yield head[marks.end() :] if marks else head
    yield from raw
