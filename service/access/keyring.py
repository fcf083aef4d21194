"""The keys of a service: whose they are, what they may do, until when.

They are looked up for every request. The file is looked at each time too (not read: that it is
the same one takes the system a microsecond to say), so that a key which is revoked by another
process is of no use from then on.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.access import keys_file
from service.access.keys_file import Key
from service.errors import Problem
from service.runtime.logs import get_logger

log = get_logger(__name__)
UNREAD = (-1,)  # the stamp of no file
FLUSH_SECONDS = 60  # last uses are written down no more often
WAY_BACK = (
    "put its copy back, or make a new operator's key on the machine:"
    " `gatehouse keys create NAME --role operator`"
)
GONE = f"there were keys, and the file with them is gone; {WAY_BACK}"
UNREADABLE = f"the file with the keys cannot be read, the log says why; {WAY_BACK}"


class KeysUnreadable(Problem):
    """No one can be let in: the file with the keys is damaged, or was there and is gone."""

    status, slug, title = 503, "keys-unreadable", "The keys cannot be read"


@dataclass(frozen=True, slots=True)
class Held:
    """A key, ready to be compared; `expires` in seconds since 1970."""

    key: Key
    digest: bytes
    expires: float


class Keyring:
    """To be asked by one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, ...] | None = None
        self._held: list[Held] = []
        self._known: dict[bytes, Held] = {}  # those that were presented, by their digest
        self._damage: str | None = None
        self._told = ""  # of what was wrong last
        # At some time, as this process has seen or the warehouse remembers; any thread may look.
        self.had_keys = False
        self.on_read: Callable[[Sequence[Key]], object] = lambda keys: None  # told what was read
        self._used: dict[str, float] = {}  # when, by name
        self._flushed = time.monotonic()

    @property
    def configured(self) -> bool:
        """Whether there are keys. Once there were, their loss does not open the doors.

        Raises:
            KeysUnreadable: the file is damaged, or gone.
        """
        stamp = _stamp(self.path)
        if stamp != self._stamp:
            self._read(stamp)
        if self._damage:
            raise KeysUnreadable(self._damage)
        if stamp is None and self.had_keys:
            self._tell(f"{self.path} is gone")
            raise KeysUnreadable(GONE)
        return stamp is not None

    def find(self, presented: bytes) -> Held | None:
        """The key that was presented, valid or not any more; ask for `configured` before."""
        return self.with_digest(hashlib.sha256(presented).digest())

    def with_digest(self, digest: bytes) -> Held | None:
        """The same, by the SHA-256 of the key."""
        held = self._known.get(digest)  # only digests of keys are in there
        if held is None:
            for each in self._held:  # all of them: the time must not tell which one comes close
                if hmac.compare_digest(each.digest, digest):
                    held = each
            if held is not None:
                self._known[digest] = held
        return held

    def used(self, name: str) -> None:
        """Remembers that a key was used; that is written down from time to time, in a thread."""
        self._used[name] = time.time()
        if (now := time.monotonic()) - self._flushed > FLUSH_SECONDS:
            self._flushed = now
            threading.Thread(target=self.flush, name="keys", daemon=True).start()

    def flush(self) -> None:
        """Writes the last uses down; failing that, it says so in the log."""
        used, self._used = self._used, {}
        try:
            keys_file.note_uses(
                self.path, {name: datetime.fromtimestamp(at, UTC) for name, at in used.items()}
            )
        except (OSError, keys_file.DamagedKeys) as error:
            log.warning("last_uses_of_keys_not_written", error=type(error).__name__)

    def _read(self, stamp: tuple[int, ...] | None) -> None:
        self._stamp, self._known, self._held = stamp, {}, []
        self._damage = None
        if stamp is None:
            return  # there were some
        try:
            keys = keys_file.read(self.path)
            self._held = [_held(key) for key in keys]
            self.had_keys, self._told = True, ""
            self.on_read(keys)
        except (OSError, keys_file.DamagedKeys) as error:
            self._damage = UNREADABLE
            if isinstance(error, OSError):  # it may pass: the next request looks again
                self._stamp = UNREAD
            self._tell(str(error))

    def _tell(self, error: str) -> None:
        """Says it in the log, and not again for each request."""
        if error != self._told:
            log.error("keys_unreadable", error=error)
        self._told = error


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What tells one content of the file from another; None when there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:  # a folder that may not be entered
        return (error.errno or 0,)
    return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _held(key: Key) -> Held:
    expires = key.expires_at.timestamp() if key.expires_at else float("inf")
    return Held(key, bytes.fromhex(key.sha256), expires)
