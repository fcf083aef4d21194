"""Forms with a file in them (RFC 7578): the file goes straight to the disk, whatever its size."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from litestar import Request
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from service.errors import BadRequest, MalformedBody, TooLarge, UnsupportedFormat
from service.runtime.durable_files import HashingFile, disk_may_be_full, make_folder

FILE, PASTED = "file", "pasted"  # the fields whose contents become the file
MAX_FIELDS = 200
MAX_FIELD_BYTES = 64 * 1024  # of all other fields together
PIECE = 1 << 20  # bytes that are written at once


@dataclass
class ReceivedForm:
    """The fields of a form, and the file that came with it: its name, "" if it was pasted."""

    fields: dict[str, str] = field(default_factory=dict)
    file_name: str = ""
    size: int = 0  # of the file, in bytes


async def received_form(request: Request[Any, Any, Any], path: Path, limit: int) -> ReceivedForm:
    """Reads a form; its one file is at `path` afterwards, with at most `limit` bytes.

    Raises:
        UnsupportedFormat: it is no multipart form.
        MalformedBody: it is damaged.
        BadRequest: there is no file in it, or more than one.
        TooLarge: it is larger.
        NoSpace: it does not fit on the disk.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise UnsupportedFormat("a form with a file comes as multipart/form-data")
    if (request.content_length or 0) > limit + MAX_FIELD_BYTES:
        raise TooLarge(f"the file is larger than {limit} bytes", limit=limit)
    with disk_may_be_full("file"):
        await asyncio.to_thread(make_folder, path.parent)
        try:
            with HashingFile(path) as file:
                return await _read(request, options["boundary"], _Reading(file, limit))
        except BaseException:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise


async def _read(
    request: Request[Any, Any, Any], boundary: str, reading: "_Reading"
) -> ReceivedForm:
    try:
        with PushMultipartParser(boundary, max_segment_count=MAX_FIELDS) as parser:
            async for piece in request.stream():
                if piece and not parser.closed:
                    reading.take(parser.parse(piece))
                    if len(reading.waiting) >= PIECE:
                        await asyncio.to_thread(reading.write)
    except (MultipartError, UnicodeDecodeError):
        raise MalformedBody("the form cannot be read") from None
    await asyncio.to_thread(reading.write)
    return reading.end()


class _Reading:
    """What was read of a form, and what is still to be written into its file."""

    def __init__(self, file: HashingFile, limit: int) -> None:
        self._file, self._limit = file, limit
        self._form, self._field = ReceivedForm(), bytearray()
        self._fields_size = 0
        self._segment: MultipartSegment | None = None
        self._from: str | None = None  # the field that the file comes from
        self.waiting = bytearray()

    def take(self, events: Iterator[Any]) -> None:
        """Takes what the parser has found."""
        for event in events:
            if isinstance(event, MultipartSegment):
                self._segment = event
            elif event is None:
                self._end_field()
            elif self._segment.name in (FILE, PASTED):  # type: ignore[union-attr]
                self._take_file(bytes(event))
            else:
                self._take_field(event)

    def write(self) -> None:
        """Writes what waits to be written."""
        self._file.write(bytes(self.waiting))
        self.waiting.clear()

    def end(self) -> ReceivedForm:
        """The form, all of which was read."""
        if self._from is None:
            raise BadRequest("choose a file, or paste some rows")
        self._form.size = self._file.size
        return self._form

    def _take_file(self, piece: bytes) -> None:
        name = str(self._segment.name)  # type: ignore[union-attr]
        if self._from is None:
            if not piece.strip() and name == PASTED:
                return  # an empty box
            self._from = name
            self._form.file_name = _plain(self._segment.filename or "")  # type: ignore[union-attr]
        if name != self._from:
            if piece.strip():
                raise BadRequest("there are a file and pasted rows; send one of them")
            return
        self.waiting += piece
        if self._file.size + len(self.waiting) > self._limit:
            raise TooLarge(f"the file is larger than {self._limit} bytes", limit=self._limit)

    def _take_field(self, piece: bytes) -> None:
        self._field += piece
        self._fields_size += len(piece)
        if self._fields_size > MAX_FIELD_BYTES:
            raise TooLarge("the fields of the form are too long", limit=MAX_FIELD_BYTES)

    def _end_field(self) -> None:
        assert self._segment is not None
        if self._segment.name not in (FILE, PASTED):
            self._form.fields[self._segment.name or ""] = self._field.decode()
        self._field.clear()


def _plain(name: str) -> str:
    """A file's name without the folders that some browsers tell."""
    return PurePath(name.replace("\\", "/")).name[-255:]
