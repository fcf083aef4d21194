"""Object storage as a store, by obstore: Azure, S3 and Google alike.

Memory is bounded both ways: PART_BYTES times PARTS for what is written, PIECE for what is read.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from service.errors import DamagedBackup
from service.stores.store import AlreadyThere, Overtaken, Stored
from service.stores.troubles import Troubles

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PART_BYTES, PARTS = 12 << 20, 2  # of an upload, at a time; S3 takes 10,000 parts: 120 GB
PIECE = 8 << 20  # bytes of a request that reads


class RemoteStore:
    """A folder of a container (a bucket) in object storage."""

    def __init__(self, store: "ObjectStore", name: str) -> None:
        """`store` is obstore's; `name` is what people call it, without secrets."""
        import obstore

        self._obs, self._store = obstore, store
        self._name = name
        self._asked = Troubles(name)

    @property
    def name(self) -> str:
        """The URL without secrets."""
        return self._name

    @property
    def trouble(self) -> str | None:
        """As `Store.trouble`."""
        return self._asked.last

    def list(self, folder: str = "") -> Iterator[Stored]:
        """As `Store.list`: a request for each 1000 objects."""
        with self._asked.told():
            for page in self._obs.list(self._store, folder or None, chunk_size=1000):
                for meta in page:
                    yield Stored(meta["path"], meta["size"], _version(meta))

    def exists(self, name: str) -> bool:
        """As `Store.exists`."""
        with self._asked.told():
            return self._head(name) is not None

    def read(self, name: str, limit: int) -> tuple[bytes, str | None]:
        """As `Store.read`."""
        with self.open(name) as file:
            data = file.read(limit)
            assert isinstance(file.raw, _Pieces)
            return data, file.raw.version

    def open(self, name: str) -> io.BufferedReader:
        """As `Store.open`: each piece is asked for with the version of the first."""
        with self._asked.told():
            meta = self._head(name)
        if meta is None:
            raise DamagedBackup("its file is missing")

        def piece(start: int, end: int) -> bytes:
            with self._asked.told():
                options: Any = {"range": (start, end), "if_match": meta["e_tag"]}
                try:
                    return bytes(self._obs.get(self._store, name, options=options).bytes())
                except (self._obs.exceptions.PreconditionError, FileNotFoundError):
                    raise DamagedBackup("its file was changed while it was read") from None

        raw = _Pieces(piece, meta["size"], _version(meta))
        return io.BufferedReader(raw, min(PIECE, max(meta["size"], 1)))

    @contextmanager
    def writing(self, name: str) -> Iterator["_Upload"]:
        """As `Store.writing`: in parts, given up when the block fails."""
        with self._asked.told():
            writer = self._obs.open_writer(
                self._store, name, buffer_size=PART_BYTES, max_concurrency=PARTS
            )
        try:
            yield _Upload(writer.write, self._asked)
        except BaseException as error:
            with suppress(Exception):  # the first error says why
                writer.__exit__(type(error), error, error.__traceback__)
            raise
        with self._asked.told():
            writer.close()  # the commit point of the object

    def put(self, name: str, data: bytes, version: str | None = None) -> str | None:
        """As `Store.put`: a conditional request."""
        with self._asked.told():
            try:
                mode: Any = "create" if version is None else self._mode_of(name, version)
                return _version(
                    self._obs.put(self._store, name, data, mode=mode, use_multipart=False)
                )
            except (
                self._obs.exceptions.AlreadyExistsError,
                self._obs.exceptions.PreconditionError,
            ):
                there = self._head(name)
        # An answer that was lost makes obstore try again, and find what it has put there itself.
        if there and there["size"] == len(data) and self.read(name, len(data) + 1)[0] == data:
            return _version(there)
        raise AlreadyThere(name) if version is None else Overtaken(name)

    def _mode_of(self, name: str, version: str) -> Any:
        meta = self._head(name)
        if meta is None or _version(meta) != version:
            raise Overtaken(name)
        more = {"version": meta["version"]} if meta.get("version") else {}
        return {"e_tag": meta["e_tag"], **more}

    def remove(self, name: str) -> None:
        """As `Store.remove`."""
        with self._asked.told():
            try:
                self._obs.delete(self._store, name)
            except FileNotFoundError:
                return

    def sweep(self, ours: Callable[[str], bool]) -> Sequence[str]:
        """As `Store.sweep`: nobody sees the parts of an upload that was given up.

        Azure forgets them after a week; S3 and Google by a rule of the bucket (docs/operations.md).
        """
        return []

    def _head(self, name: str) -> Any:
        try:
            return self._obs.head(self._store, name)
        except FileNotFoundError:
            return None


def _version(meta: Any) -> str | None:
    """The entity tag; Azure's is without quotes in a listing, and with them elsewhere."""
    tag: str | None = meta.get("e_tag")
    return tag.strip('"') if tag else None


class _Upload:
    """What is written goes on by `write`, counted and hashed."""

    def __init__(self, write: Callable[[bytes], object], asked: Troubles) -> None:
        self._write, self._asked, self._hash = write, asked, hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        with self._asked.told():
            self._write(data)
        self._hash.update(data)
        self.size += len(data)


class _Pieces(io.RawIOBase):
    """An object of `size` bytes that is read by `piece(start, end)`."""

    def __init__(self, piece: Callable[[int, int], bytes], size: int, version: str | None) -> None:
        self._piece, self._size, self._at = piece, size, 0
        self.version = version

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(PIECE), b""))  # else in pieces of 8 KiB

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + min(len(buffer), PIECE), self._size)
        if end <= self._at:
            return 0
        data = self._piece(self._at, end)
        if len(data) != end - self._at:
            raise DamagedBackup("its file is cut off")
        buffer[: len(data)] = data
        self._at = end
        return len(data)
