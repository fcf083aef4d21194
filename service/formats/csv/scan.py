"""One pass over a file: its encoding, its line ends, how many lines say something."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from service.formats.csv.dialect import DialectOptions, UnreadableFile
from service.formats.csv.matching import short
from service.formats.csv.opening import BLOCK, BOMS, SWAPPED, compression_of, in_utf8, pieces
from service.formats.csv.utf8 import are_utf8

SAMPLE = 1 << 18  # bytes of UTF-8 that delimiter, header and columns are found out from
LARGE_SAMPLE = 16 << 20  # the same where a record is longer than that
FOREIGN = 0.6  # of the letters in words that are not ASCII: more than in Western Europe
# The encodings of files, by Python's names; it knows others, of domains, of programs, of nothing.
_is_encoding = re.compile(
    r"ascii|utf-(?:7|8|8-sig|(?:16|32)(?:-[bl]e)?)|iso8859-[0-9]+|cp[0-9]+|koi8-[rtu]|mac-[a-z0-9]+"
    r"|big5|big5hkscs|gb2312|gbk|gb18030|hz|johab|shift_jis|(?:shift_jis|euc|iso2022)_[a-z0-9_]+"
    r"|tis-620|hp-roman8|kz1048|ptcp154"
).fullmatch
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
ONLY_DELIMITERS = b" \t,;|^\"'\x1a"
_SPEAKS = ~np.isin(np.arange(256), np.frombuffer(ONLY_DELIMITERS + b"\r\n", np.uint8))  # of bytes
_control_characters = re.compile(rb"[\x00-\x08\x0e-\x1f]").findall
_words = re.compile(rb"[A-Za-z\x80-\xff]{2,}").findall


@dataclass(frozen=True)
class Scan:
    """What one pass over a file has found; `sample` is the head of it, in UTF-8, with LF for CR."""

    encoding: str
    bom: bool
    compression: str | None
    newline: str
    sample: bytes
    whole: bool  # whether the sample is all of it
    lines: int
    saying: int  # lines that say something
    last_quotes: dict[str, int]  # the place of the last one of each kind, in UTF-8


def scan(path: Path, max_bytes: int, options: DialectOptions, sample_bytes: int = SAMPLE) -> Scan:
    """Looks at the whole file, of which `options` may say the encoding.

    Raises:
        UnreadableFile: it is binary, damaged, of another encoding than was said, or larger than
            `max_bytes` when decompressed.
    """
    head = _head(pieces(path, max_bytes), HEAD)[:HEAD]
    mark = next((mark for mark in BOMS if head.startswith(mark)), b"")
    if options.encoding is None:
        delimiter = (options.delimiter or "").encode()
        encoding = BOMS.get(mark) or _of_width(head, delimiter) or _of_bytes(path, max_bytes)
    else:
        encoding = _said(options.encoding, mark, head)
    bom = bool(mark) and BOMS[mark] == encoding
    text = in_utf8(pieces(path, max_bytes), encoding, bom)
    beginning = _head(text, sample_bytes)
    newline = newline_of(beginning)
    size, sample, piece = 0, b"", b"\n"
    lines = saying = 0
    last_quotes: dict[str, int] = {}
    for piece in _lines(chain([beginning], text)):
        if newline == "CR":
            piece = piece.translate(SWAPPED)
        sample = sample if len(sample) > sample_bytes else sample + piece
        lines, saying = lines + piece.count(b"\n"), saying + _saying_something(piece)
        for quote in ('"', "'"):
            if (place := piece.rfind(quote.encode())) >= 0:
                last_quotes[quote] = size + place
        size += len(piece)
    return Scan(
        encoding,
        bom,
        compression_of(path),
        newline or "LF",
        sample[:sample_bytes],
        len(sample) <= sample_bytes,
        lines + (not piece.endswith(b"\n")),
        saying,
        last_quotes,
    )


def _said(name: str, mark: bytes, head: bytes) -> str:
    """The encoding that is said; of UTF-16 and UTF-32 the one of their kinds that fits.

    Raises:
        UnreadableFile: there is none of that name, or the file cannot be of it.
    """
    encoding = _known(name)
    if not encoding.startswith(("utf-16", "utf-32")):
        return encoding
    marked = BOMS.get(mark, "")
    if marked.startswith(encoding):
        return marked
    width = int(encoding[4:6]) // 8
    found = _of_width(head, b"") if width == 2 else None
    if found and found.startswith(encoding):
        return found
    if width == 4 and head.count(0) * 2 > len(head):
        return encoding if encoding[6:] else "utf-32-le"
    raise UnreadableFile(f"it is not {encoding.upper()}")


def _head(raw: Iterator[bytes], size: int) -> bytes:
    """The first pieces, of `size` bytes together at least, if there are as many."""
    head = b""
    for piece in raw:
        head += piece
        if len(head) >= size:
            break
    return head


def _known(encoding: str) -> str:
    try:
        info = codecs.lookup(encoding)
    except (LookupError, ValueError):
        info = None
    if info is None or not _is_encoding(info.name):
        raise UnreadableFile(f"there is no encoding {short(encoding)!r}")
    return "utf-8" if info.name == "utf-8-sig" else info.name


def _of_width(head: bytes, delimiter: bytes) -> str | None:
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
    strange = [each for each in _control_characters(head.rstrip(b"\x1a")) if each != delimiter]
    if len(strange) * 20 > len(head):
        most, times = Counter(strange).most_common(1)[0]
        hint = f"; if byte 0x{most.hex()} is its delimiter, say so"
        known = times * 2 > len(strange) and most != b"\0"
        raise UnreadableFile(f"it is a binary file, not a CSV file{hint if known else ''}")
    return None


def _of_bytes(path: Path, max_bytes: int) -> str:
    """UTF-8 where that fits but for a few lines, else Windows-1252.

    Raises:
        UnreadableFile: its texts are hardly of Western Europe.
    """
    if are_utf8(pieces(path, max_bytes)):
        return "utf-8"
    return _of_strays(pieces(path, max_bytes))


def _of_strays(raw: Iterator[bytes]) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    unfit = fit = high = letters = 0
    for piece in chain(raw, [b""]):
        text = decoder.decode(piece, final=not piece)
        if text.isascii():
            continue
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        strays = int(((points >= 0xDC80) & (points <= 0xDCFF)).sum())
        unfit, fit = unfit + strays, fit + int((points > 0x7F).sum()) - strays
        words = b"".join(word for word in _words(piece) if not word.isascii())
        letters = letters + len(words)
        high += int((np.frombuffer(words, np.uint8) > 0x7F).sum())
    if unfit <= fit:
        return "utf-8"
    if high > FOREIGN * letters:
        raise UnreadableFile(
            "it is not UTF-8, and its texts are hardly Windows-1252; say its encoding, such as"
            " windows-1251, koi8-r, shift_jis or gb18030 (--encoding)"
        )
    return "cp1252"


def _lines(text: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces that end with a line's end, but for the last; a very long line is cut."""
    rest = b""
    for piece in text:
        rest += piece
        cut = rest.rfind(b"\n") + 1 or rest[:-1].rfind(b"\r") + 1
        if not cut and len(rest) > MAX_REST:
            cut = len(rest)
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def newline_of(piece: bytes) -> str:
    """How the lines of a text end that are not within quotes: LF, CRLF, CR, or "" in none."""
    if b"\n" not in piece:
        return "CR" if b"\r" in piece else ""
    if b"\r" not in piece:
        return "LF"
    if piece.count(b"\r") == piece.count(b"\r\n"):
        return "CRLF" if piece.count(b"\r") * 2 > piece.count(b"\n") else "LF"
    quote = b'"' if b'"' in piece else b"'"
    outside = b"".join(piece.split(quote)[::2])
    if b"\n" not in outside:
        return "CR"
    return "CRLF" if outside.count(b"\r\n") * 2 > outside.count(b"\n") else "LF"


def _saying_something(piece: bytes) -> int:
    """How many lines have more than delimiters."""
    if not piece.endswith(b"\n"):
        piece += b"\n"
    marks = np.frombuffer(piece, np.uint8)
    ends = np.flatnonzero(marks == ord("\n"))
    starts = np.concatenate(([0], ends[:-1] + 1))
    doubted = np.flatnonzero(~_SPEAKS[marks[starts]])
    if not len(doubted):
        return len(ends)
    speaks = np.logical_or.reduceat(_SPEAKS[marks], starts)
    return len(ends) - int(np.count_nonzero(~speaks[doubted]))
