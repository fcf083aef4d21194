"""Sessions of people who look at pages: by which key each was begun, and until when it counts.

They are kept in memory, by the SHA-256 of their ids: who reads the memory's dump has no session,
and who restarts the service logs everyone out. What the key may do is asked of the keyring again
for every request.
"""

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

MAX_SESSIONS = 10_000  # more than there are people; so that they cannot fill the memory


@dataclass(slots=True)
class Session:
    """One session; the times are of the monotonic clock, in seconds."""

    digest: bytes  # the SHA-256 of its key
    began: float
    seen: float


class Sessions:
    """The sessions of one service. To be asked by one thread."""

    def __init__(self, idle_seconds: float, seconds: float) -> None:
        """One ends when nothing was asked for `idle_seconds`, at the latest after `seconds`."""
        self._idle_seconds, self._seconds = idle_seconds, seconds
        self._sessions: dict[bytes, Session] = {}  # that which was begun first comes first
        self._secret = secrets.token_bytes(32)

    def begin(self, digest: bytes) -> str:
        """The id of a new session for the key with that SHA-256. An id is never taken over."""
        self._forget_ended()
        if len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session_id, now = secrets.token_urlsafe(32), time.monotonic()
        self._sessions[_hashed(session_id)] = Session(digest, now, now)
        return session_id

    def find(self, session_id: str, renew: bool = True) -> Session | None:
        """The session of that id, unless it has ended; with `renew` it was used just now."""
        session = self._sessions.get(_hashed(session_id))
        if session is None or self._has_ended(session):
            self.end(session_id)
            return None
        if renew:
            session.seen = time.monotonic()
        return session

    def end(self, session_id: str) -> None:
        """Ends it; once is enough."""
        self._sessions.pop(_hashed(session_id), None)

    def token(self, session_id: str) -> str:
        """What the forms of a session bring along, so that no other page can have made them."""
        return hmac.digest(self._secret, session_id.encode(), "sha256").hex()

    def is_token(self, session_id: str, token: str) -> bool:
        """Whether it is that of the session."""
        return hmac.compare_digest(self.token(session_id).encode(), token.encode())

    def _has_ended(self, session: Session) -> bool:
        now = time.monotonic()
        idle = now - session.seen >= self._idle_seconds
        return idle or now - session.began >= self._seconds

    def _forget_ended(self) -> None:
        for key in [key for key, each in self._sessions.items() if self._has_ended(each)]:
            del self._sessions[key]


def _hashed(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()
