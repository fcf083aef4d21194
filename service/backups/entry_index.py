"""The entries of backups, read once: in memory, and in one object beside them.

Where each read is a request, a listing of a thousand backups would be a thousand requests. The
index is never believed: an entry in it counts only while the store lists the entry itself, in the
same version. So it may be lost, stale or damaged, and nothing depends on it.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from service.backups.entry import MAX_ENTRY_BYTES, Entry, read_entry
from service.errors import DamagedBackup, StoreUnavailable
from service.stores.store import AlreadyThere, Overtaken, Store, Stored

INDEX = "index.json"
MAX_INDEX_BYTES = 64 << 20
AT_ONCE = 16  # requests
_log = logging.getLogger(__name__)


class _Known(msgspec.Struct, frozen=True, array_like=True):
    version: str
    entry: Entry | None  # None where it is damaged


class EntryIndex:
    """The entries in a store; a folder's are read each time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, _Known] = {}
        self._indexed: frozenset[str] = frozenset()  # names in the index as it was last seen
        self._version: str | None = None  # of the index
        self._looked = False

    def one(self, name: str) -> Entry | None:
        """The entry of that name; None, with a warning, if it is damaged: the others still count.

        None, too, where there is none.
        """
        return self._read_one(name) if self._store.exists(name) else None

    def _read_one(self, name: str) -> Entry | None:
        try:
            text, _ = self._store.read(name, MAX_ENTRY_BYTES)
            return read_entry(name, text)
        except (OSError, DamagedBackup, msgspec.MsgspecError, UnicodeDecodeError) as error:
            backup_id = name.rpartition("/")[2].partition(".")[0]
            _log.warning("backup %s is left out: its entry is damaged: %s", backup_id, error)
            return None

    def of(self, listed: Sequence[Stored], whole: bool) -> Mapping[str, Entry | None]:
        """The entries of what the store lists, by their names; None for a damaged one.

        `whole` says that all entries of the store are listed, so that the index can be renewed.
        """
        versions = {each.name: each.version for each in listed if each.version is not None}
        if len(versions) < len(listed):
            return {each.name: self._read_one(each.name) for each in listed}
        if not self._looked and self._lacking(versions):
            self._look()
        self._read(self._lacking(versions))
        if whole and not self._indexed.issuperset(versions):
            self._renew(versions)
        return {name: self._known[name].entry for name in versions}

    def _lacking(self, versions: Mapping[str, str]) -> Mapping[str, str]:
        known = self._known
        return {
            name: version
            for name, version in versions.items()
            if name not in known or known[name].version != version
        }

    def _read(self, lacking: Mapping[str, str]) -> None:
        if lacking:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for (name, version), entry in zip(
                    lacking.items(), pool.map(self._read_one, lacking), strict=True
                ):
                    self._known[name] = _Known(version, entry)

    def _look(self) -> None:
        """Takes up the index, where there is a good one."""
        self._looked = True
        try:
            text, self._version = self._store.read(INDEX, MAX_INDEX_BYTES)
            found = msgspec.json.decode(text, type=dict[str, _Known])
            for name, known in found.items():
                read_entry(name, msgspec.json.encode(known.entry))
        except (DamagedBackup, msgspec.MsgspecError, UnicodeDecodeError):
            return
        self._known = {**found, **self._known}
        self._indexed = frozenset(found)

    def _renew(self, names: Iterable[str]) -> None:
        """Writes the index, unless someone else has: then it is read next time."""
        good = {name: self._known[name] for name in names if self._known[name].entry}
        try:
            self._version = self._store.put(INDEX, msgspec.json.encode(good), self._version)
        except (AlreadyThere, Overtaken):
            self._looked = False
        except StoreUnavailable as error:  # who may only read does without
            _log.debug("the index of backups is not renewed: %s", error)
        self._indexed = frozenset(names)
