"""One pass over a file: its encoding, its line ends, how many lines say something."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.formats.csv.dialect import UnreadableFile
from service.formats.csv.opening import BLOCK, BOMS, compression_of, in_utf8, pieces
from service.formats.csv.utf8 import are_utf8

SAMPLE = 1 << 18  # bytes of UTF-8 that delimiter, header and columns are found out from
MAX_REST = 8 * BLOCK  # bytes without a line's end that are kept together
HEAD = 4096  # bytes that tell a binary file from one of text
OTHERS = {
    b"PK\x03\x04": "a zip file or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF document",
}
ONLY_DELIMITERS = b' \t,;|"'
_control_characters = re.compile(rb"[\x00-\x08\x0e-\x1f]").findall
_undefined_in_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]").search


@dataclass(frozen=True)
class Scan:
    """What one pass over a file has found; `sample` is the head of it, in UTF-8."""

    encoding: str
    bom: bool
    compression: str | None
    newline: str
    sample: bytes
    whole: bool  # whether the sample is all of it
    lines: int  # that say something
    quotes: bool


def scan(path: Path, max_bytes: int, encoding: str | None = None) -> Scan:
    """Looks at the whole file; `encoding` where it is said.

    Raises:
        UnreadableFile: it is binary, damaged, or larger than `max_bytes` when decompressed.
    """
    head = _head(pieces(path, max_bytes))
    mark = next((mark for mark in BOMS if head.startswith(mark)), b"")
    if encoding is None:
        encoding = BOMS.get(mark) or _of_width(head) or _of_bytes(path, max_bytes)
    encoding = _known(encoding)
    bom = bool(mark) and BOMS[mark] == encoding
    sample, lines, quotes, newline = b"", 0, False, ""
    for piece in _lines(in_utf8(pieces(path, max_bytes), encoding, bom)):
        sample = sample if len(sample) >= SAMPLE else sample + piece
        newline = newline or _newline(piece)
        lines += _saying_something(piece.replace(b"\r", b"\n") if newline == "CR" else piece)
        quotes = quotes or b'"' in piece
    whole = len(sample) <= SAMPLE
    if newline == "CR":
        sample = sample.replace(b"\r", b"\n")
    return Scan(
        encoding, bom, compression_of(path), newline or "LF", sample[:SAMPLE], whole, lines, quotes
    )


def _head(raw: Iterator[bytes]) -> bytes:
    head = b""
    for piece in raw:
        head += piece
        if len(head) >= HEAD:
            break
    return head[:HEAD]


def _known(encoding: str) -> str:
    try:
        info = codecs.lookup(encoding)
    except (LookupError, ValueError):
        info = None
    if info is None or not info._is_text_encoding:
        raise UnreadableFile(f"there is no encoding {encoding!r}")
    return "utf-8" if info.name == "utf-8-sig" else info.name


def _of_width(head: bytes) -> str | None:
    """UTF-16 without a BOM, by the NULs in it.

    Raises:
        UnreadableFile: it has NULs for another reason, or is known to be something else.
    """
    for magic, name in OTHERS.items():
        if head.startswith(magic):
            raise UnreadableFile(f"it is {name}, not a CSV file")
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) * 10 < max(even, odd) and max(even, odd) * 4 > len(head):
        return "utf-16-be" if even > odd else "utf-16-le"
    if len(_control_characters(head)) * 20 > len(head):
        raise UnreadableFile("it is a binary file, not a CSV file")
    return None


def _of_bytes(path: Path, max_bytes: int) -> str:
    """UTF-8 where that fits but for a few lines, else Windows-1252, else Latin-1."""
    if are_utf8(pieces(path, max_bytes)):
        return "utf-8"
    return _of_strays(pieces(path, max_bytes))


def _of_strays(raw: Iterator[bytes]) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    unfit, fit, undefined = 0, 0, False
    for piece in raw:
        text = decoder.decode(piece)
        if text.isascii():
            continue
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        strays = int(((points >= 0xDC80) & (points <= 0xDCFF)).sum())
        unfit, fit = unfit + strays, fit + int((points > 0x7F).sum()) - strays
        undefined = undefined or bool(_undefined_in_1252(piece))
    if unfit <= fit:
        return "utf-8"
    return "iso8859-1" if undefined else "cp1252"


def _lines(text: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces that end with a line's end, but for the last; a very long line is cut."""
    rest = b""
    for piece in text:
        rest += piece
        cut = max(rest.rfind(b"\n"), rest[:-1].rfind(b"\r")) + 1
        if not cut and len(rest) > MAX_REST:
            cut = len(rest)
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def _newline(piece: bytes) -> str:
    if b"\n" not in piece:
        return "CR" if b"\r" in piece else ""
    return "CRLF" if piece[: piece.index(b"\n")].endswith(b"\r") else "LF"


def _saying_something(piece: bytes) -> int:
    """How many lines have more than delimiters."""
    if not piece.endswith(b"\n"):
        piece += b"\n"
    marks = np.frombuffer(piece, np.uint8)
    ends = np.flatnonzero(marks == ord("\n"))
    starts = np.concatenate(([0], ends[:-1] + 1))
    doubted = np.flatnonzero(
        np.isin(marks[starts], np.frombuffer(ONLY_DELIMITERS + b"\r\n", np.uint8))
    )
    lines = len(ends)
    for i in doubted.tolist():
        if not piece[starts[i] : ends[i]].strip(ONLY_DELIMITERS + b"\r"):
            lines -= 1
    return lines
