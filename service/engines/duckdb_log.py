"""DuckDB's log of commits (WAL), as a file: where it is damaged, and what of it can be read.

Behind a head of 8 bytes stand entries: size and checksum, 8 bytes each, then as many bytes. The
third byte of an entry is its kind; one of the kind FLUSH ends a transaction. DuckDB itself stops
at the first damage: without a word where the file ends within an entry, or where a size is wrong,
and it cuts off what follows. So the file is looked at before DuckDB opens it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HEAD = b"d\x00be\x00\x02\xff\xff"  # of version 2
_FRAME = struct.Struct("<QQ")
_BEGIN = b"d\x00"  # of each entry
# The entry that ends a transaction.
_FLUSHED = bytes.fromhex("0500000000000000e7fe7d722fed3d5e640064ffff")
FLUSH, SEQUENCE_VALUE, USE_TABLE, INSERT, ROW_GROUPS = 100, 10, 25, 26, 29
# What only adds rows, and so does not depend on where the rows before it stand. The numbers that it
# took of a sequence stand with it: how far the sequence was then, whatever was before.
ADDING = frozenset({FLUSH, SEQUENCE_VALUE, USE_TABLE, INSERT, ROW_GROUPS})
_KIND = _FRAME.size + 2  # where an entry says it
MOST_BYTES = 1 << 31  # of an entry


@dataclass
class LogTransaction:
    """A transaction of the log that is whole: its bytes, and the kinds of its entries."""

    content: bytes
    kinds: frozenset[int]
    after_damage: bool


@dataclass
class ReadLog:
    """What can be read of a log: transactions, and how many bytes are in none of them."""

    transactions: list[LogTransaction] = field(default_factory=list)
    unreadable: int = 0
    is_whole: bool = True  # DuckDB reads all of it

    def until_damage(self) -> bytes:
        """A log with all that stands before the first damage."""
        return HEAD + b"".join(t.content for t in self.transactions if not t.after_damage)

    def with_later_additions(self) -> bytes:
        """The same, and what follows the damage, as long as it does nothing but add rows."""
        kept = []
        for each in self.transactions:
            if each.after_damage and not each.kinds <= ADDING:
                break
            kept.append(each.content)
        return HEAD + b"".join(kept)


def log_of(warehouse: Path) -> Path:
    """Where DuckDB keeps the log of the file at a path."""
    return warehouse.with_name(f"{warehouse.name}.wal")


def log_beside(warehouse: Path) -> Path:
    """Where DuckDB logs what is committed while a checkpoint is made.

    It reads that log where the other one says that the checkpoint had begun.
    """
    return warehouse.with_name(f"{warehouse.name}.wal.checkpoint")


def read_log(warehouse: Path) -> ReadLog:
    """The log of the warehouse at a path; whole and empty where there is none.

    It is not whole, either, where the one beside it is damaged.
    """
    read, beside = _read_at(log_of(warehouse)), _read_at(log_beside(warehouse))
    read.is_whole &= beside.is_whole
    read.unreadable += beside.unreadable
    return read


def _read_at(path: Path) -> ReadLog:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ReadLog()
    return _read(content) if content else ReadLog()


def _read(content: bytes) -> ReadLog:
    read = ReadLog(is_whole=content.startswith(HEAD))
    place, used = (len(HEAD), len(HEAD)) if read.is_whole else (0, 0)
    begun: list[bytes] = []  # of the transaction that is being read
    is_broken = False

    def end() -> None:
        nonlocal begun, is_broken, used
        if not is_broken:
            kinds = frozenset(entry[_KIND] for entry in begun)
            whole = LogTransaction(b"".join(begun), kinds, not read.is_whole)
            read.transactions.append(whole)
            used += len(whole.content)
        begun, is_broken = [], False

    for start, following in _entries(content, place):
        if start - place == len(_FLUSHED) and begun and not is_broken:
            begun.append(_FLUSHED)  # no other entry is as short: what it ends is whole
            end()
        elif start != place:
            is_broken = True
        read.is_whole &= start == place
        begun.append(content[start:following])
        place = following
        if content[start + _KIND] == FLUSH:
            end()
    read.unreadable = len(content) - used
    read.is_whole &= read.unreadable == 0
    return read


def _entries(content: bytes, place: int) -> Iterator[tuple[int, int]]:
    """Where each entry begins and ends that is whole; what is damaged is passed over."""
    while place + _FRAME.size < len(content):
        end = _end_of_entry(content, place)
        if end is None:
            found = content.find(_BEGIN, max(place + 1, 0) + _FRAME.size)
            if found < 0:
                return
            place = found - _FRAME.size
            continue
        yield place, end
        place = end


def _end_of_entry(content: bytes, place: int) -> int | None:
    size, checksum = _FRAME.unpack_from(content, place)
    begin = place + _FRAME.size
    if not 3 < size <= min(MOST_BYTES, len(content) - begin):
        return None
    if content[begin : begin + 2] != _BEGIN:
        return None
    if _checksum(memoryview(content)[begin : begin + size]) != checksum:
        return None
    return begin + int(size)


def _checksum(content: memoryview) -> int:
    """As DuckDB computes it (checksum.cpp)."""
    words = np.frombuffer(content, "<u8", len(content) // 8) * np.uint64(0xBF58476D1CE4E5B9)
    result = 5381 ^ int(np.bitwise_xor.reduce(words))
    rest = bytes(content[len(words) * 8 :])
    return result ^ _remainder(rest) if rest else result


def _remainder(rest: bytes) -> int:
    """Murmur's hash of the last bytes, fewer than 8."""
    mask, factor = (1 << 64) - 1, 0xC6A4A7935BD1E995
    found = 0xE17A1465 ^ (len(rest) * factor & mask)
    found = (found ^ int.from_bytes(rest, "little")) * factor & mask
    found = (found ^ found >> 47) * factor & mask
    return found ^ found >> 47
