"""What a type of an Avro schema takes up in a row's bytes, so that it can be passed over.

A file from elsewhere may have columns that the table has not, of any type: lists, maps, records.
Nothing is made of them: only where each ends is found out. No number in them is believed: a place
never goes back, and none lies beyond the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.errors import DamagedBackup

DEEPEST = 64  # types within types, in a schema and in the data of one that contains itself
WIDTHS = {"null": 0, "boolean": 1, "float": 4, "double": 8}
NUMBERS = frozenset({"int", "long", "enum"})
COUNTED = frozenset({"bytes", "string"})
PRIMITIVES = frozenset({*WIDTHS, "int", "long", *COUNTED})


@dataclass
class Layout:
    """One type: a primitive one, or the name of a kind; `parts` are the types within."""

    kind: str
    parts: "list[Layout]" = field(default_factory=list)
    size: int = 0  # of a fixed, in bytes

    def end(self, data: Sequence[int], place: int, depth: int = 0) -> int:
        """Where the value ends that begins at `place`, at most at the end of `data`.

        Raises:
            IndexError, DamagedBackup: there is no such value.
        """
        if self.kind in NUMBERS:
            while data[place] > 0x7F:
                place += 1
            return place + 1
        if depth > DEEPEST:
            raise DamagedBackup(f"a value is nested deeper than {DEEPEST} levels")
        if self.kind in COUNTED:
            size, place = _number(data, place)
            return _within(data, place, size)
        if self.kind == "union":
            branch, place = _number(data, place)
            return self.parts[_index(branch, len(self.parts))].end(data, place, depth + 1)
        if self.kind == "record":
            for part in self.parts:
                place = part.end(data, place, depth + 1)
            return place
        if self.kind in ("array", "map"):
            return self._end_of_items(data, place, depth)
        return _within(data, place, WIDTHS.get(self.kind, self.size))

    def _end_of_items(self, data: Sequence[int], place: int, depth: int) -> int:
        while True:
            count, place = _number(data, place)
            if count == 0:
                return place
            if count < 0:  # then their size in bytes follows
                size, place = _number(data, place)
                place = _within(data, place, size)
                continue
            for _ in range(count):
                before = place
                for part in self.parts:
                    place = part.end(data, place, depth + 1)
                if place == before:  # items of no size: so are all the others
                    break


def _number(data: Sequence[int], place: int) -> tuple[int, int]:
    number = shift = 0
    while shift < 70:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), place
    raise DamagedBackup("it has a number of more than 64 bits")


def _within(data: Sequence[int], place: int, size: int) -> int:
    if size < 0 or place + size > len(data):
        raise IndexError
    return place + size


def _index(branch: int, branches: int) -> int:
    if not 0 <= branch < branches:
        raise IndexError
    return branch


class Layouts:
    """The layouts of a schema's types; those that have a name are known from then on."""

    def __init__(self) -> None:
        self._full_names: set[str] = set()
        self._named: dict[str, Layout | None] = {}  # by full or short name; None: of many

    def of(self, said: Any, where: str, depth: int = 0) -> Layout:
        """The layout of a type, as a schema says it; `where` is for the message.

        Raises:
            DamagedBackup: it is no type.
        """
        if depth > DEEPEST:
            raise DamagedBackup(f"{where} is nested deeper than {DEEPEST} levels")
        if isinstance(said, list):
            return self._union(said, where, depth)
        kind = said.get("type") if isinstance(said, dict) else said
        if not isinstance(kind, str):
            raise DamagedBackup(f"{where} is of no type that Avro knows")
        if kind in PRIMITIVES:
            return Layout(kind)
        if isinstance(said, dict):
            return self._complex(kind, said, where, depth)
        if (named := self._named.get(kind)) is None:
            raise DamagedBackup(f"{where} is of no type that Avro knows")
        return named

    def _union(self, said: list[Any], where: str, depth: int) -> Layout:
        plain = [each for each in said if isinstance(each, str)]
        if not said or len(set(plain)) < len(plain) or any(isinstance(each, list) for each in said):
            raise DamagedBackup(f"{where} is no proper union")
        return Layout("union", [self.of(each, where, depth + 1) for each in said])

    def _complex(self, kind: str, said: Mapping[str, Any], where: str, depth: int) -> Layout:
        if kind == "array":
            return Layout(kind, [self.of(said.get("items"), where, depth + 1)])
        if kind == "map":
            return Layout(kind, [Layout("string"), self.of(said.get("values"), where, depth + 1)])
        if kind == "enum":
            return self._register(said, where, Layout(kind))
        if kind == "fixed":
            size = said.get("size")
            if type(size) is not int or size < 0:
                raise DamagedBackup(f"{where} has no proper size")
            return self._register(said, where, Layout(kind, size=size))
        fields = said.get("fields")
        if kind != "record" or not isinstance(fields, list):
            raise DamagedBackup(f"{where} is of no type that Avro knows")
        layout = self._register(said, where, Layout(kind))
        for each in fields:
            inner = each.get("type") if isinstance(each, dict) else None
            layout.parts.append(self.of(inner, where, depth + 1))
        return layout

    def _register(self, said: Mapping[str, Any], where: str, layout: Layout) -> Layout:
        name, space = said.get("name"), said.get("namespace")
        spaced = isinstance(name, str) and isinstance(space, str) and space and "." not in name
        full = f"{space}.{name}" if spaced else name
        if not isinstance(full, str) or not full or full in {*self._full_names, *PRIMITIVES}:
            raise DamagedBackup(f"{where} has a type without a name of its own")
        self._full_names.add(full)
        for known in {full, full.rpartition(".")[2]}:
            self._named[known] = None if known in self._named else layout
        return layout


def kept_bytes(
    data: memoryview, rows: int, layouts: Sequence[Layout], kept: Sequence[bool]
) -> bytearray:
    """The rows of a block without the fields that are not `kept`; a fixed has its size before it.

    Raises:
        DamagedBackup: the block is not so many rows.
    """
    found, place = bytearray(), 0
    plan = [(each, keep, fixed_of(each)) for each, keep in zip(layouts, kept, strict=True)]
    try:
        for _ in range(rows):
            for layout, keep, fixed in plan:
                start, place = place, layout.end(data, place)
                if not keep:
                    continue
                if fixed is not None and place - start >= fixed.size + (fixed is not layout):
                    found += data[start : place - fixed.size]
                    found += _size(fixed.size)
                    start = place - fixed.size
                found += data[start:place]
    except IndexError:
        raise DamagedBackup("a block does not hold the rows it should") from None
    if place < len(data):
        raise DamagedBackup("a block holds more than the rows it should")
    return found


def fixed_of(layout: Layout) -> Layout | None:
    """The fixed that a field is, or may be; in a union its branch stands before it."""
    among = [layout, *(layout.parts if layout.kind == "union" else ())]
    return next((each for each in among if each.kind == "fixed"), None)


def has_fixed(layout: Layout) -> bool:
    """Whether a field is, or may be, a fixed."""
    return fixed_of(layout) is not None


def _size(size: int) -> bytes:
    """A size as Avro writes it, below 8192."""
    doubled = size << 1
    return bytes([doubled]) if doubled < 0x80 else bytes([doubled & 0x7F | 0x80, doubled >> 7])
