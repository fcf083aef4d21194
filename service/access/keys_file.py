"""The file ``<warehouse>.keys``: names, roles and digests of keys. Knows its JSON, and POSIX.

It stays when the warehouse is built anew or lost. Of a key only the SHA-256 is kept: what is
drawn from 256 random bits cannot be guessed, and needs no hash that is slow.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from service.access.roles import DEEDS, Deed, Role, may
from service.errors import Conflict, NotFound, Unprocessable
from service.runtime.durable_files import TEMPORARY, HashingFile, make_folder, put_in_place

PREFIX = "gatehouse_"  # by which people and scanners recognise a key
# `$` alone would let a line end pass; in Python's `\Z` others see a letter.
Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


NARROWED = ("tables", "only")  # fields that an older version does not know
Table: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$(?!\n)")]


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key. A revoked one stays, so that no other gets its name: the trail names keys.

    It may be narrowed to `tables`, and to deeds (`only`); None: all that its role may.
    """

    name: Name
    role: Role
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    created_at: Moment
    created_by: str | None = None
    expires_at: Moment | None = None
    last_used_at: Moment | None = None
    revoked_at: Moment | None = None
    revoked_by: str | None = None
    tables: Annotated[tuple[Table, ...], Meta(min_length=1)] | None = None
    only: Annotated[tuple[Deed, ...], Meta(min_length=1)] | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether its role does not say all of what it may not."""
        return self.tables is not None or self.only is not None


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1]
    keys: list[Key]


class DamagedKeys(Exception):
    """The file is not one that this version has written."""


def read(path: Path) -> Sequence[Key]:
    """All keys, in the order in which they were made; none when there is no file.

    Raises:
        DamagedKeys: it is damaged.
        OSError: it cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    try:
        keys = msgspec.json.decode(text, type=Content).keys
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedKeys(f"{path} is damaged: {error}") from error
    if len({key.name for key in keys}) < len(keys):
        raise DamagedKeys(f"{path} is damaged: a name is there twice")
    return keys


def create(
    path: Path,
    name: str,
    role: Role,
    expires_at: datetime | None,
    by: str | None,
    secret: str | None = None,
    *,
    tables: Sequence[str] | None = None,
    only: Sequence[Deed] | None = None,
) -> tuple[Key, str]:
    """Makes a key; what it is like, and the key itself, which is nowhere else from now on.

    One that was drawn elsewhere is the `secret`.

    Raises:
        Conflict: the name is or was taken, or it is the first key and no operator's.
        Unprocessable: the name cannot be one, or the moment is over; it is narrowed to nothing, or
            to deeds that its role may not do.
        DamagedKeys, OSError: the file cannot be read or written.
    """
    secret, now = secret or PREFIX + secrets.token_hex(32), datetime.now(UTC)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError:
        raise Unprocessable(
            "the name of a key has 1 to 64 letters, digits, dots, dashes and underscores"
        ) from None
    if expires_at is not None and expires_at <= now:
        raise Unprocessable("the key would have expired already")
    _check_narrowing(role, tables, only)
    key = Key(
        name=name,
        role=role,
        sha256=digest,
        created_at=now,
        created_by=by,
        expires_at=expires_at,
        tables=None if tables is None else tuple(dict.fromkeys(tables)),
        only=None if only is None else tuple(dict.fromkeys(only)),
    )

    def add(keys: Sequence[Key]) -> Sequence[Key]:
        if any(each.name == name for each in keys):
            raise Conflict(f"there is or was a key {name}; take a name that was never used")
        if not keys and (role != "operator" or key.is_narrowed):
            raise Conflict("the first key must be an operator's, who can make and revoke others")
        return [*keys, key]

    _change(path, add)
    return key, secret


def _check_narrowing(role: Role, tables: Sequence[str] | None, only: Sequence[str] | None) -> None:
    try:
        msgspec.convert(tables, Annotated[list[Table], Meta(min_length=1)] | None)
    except msgspec.ValidationError:
        raise Unprocessable("name the tables, by letters, digits and underscores") from None
    if only is not None and (not only or set(only) - DEEDS.keys()):
        raise Unprocessable(f"a key can be narrowed to {', '.join(DEEDS)}")
    for deed in only or ():
        if not may(role, DEEDS[deed]):  # type: ignore[index]
            raise Unprocessable(f"a {role} may not {deed}: that takes the role {DEEDS[deed]}")  # type: ignore[index]


class LastOperator(Conflict):
    """Without this key, no one could make another but by a command on the machine."""

    slug, title = "last-operator", "The last operator's key"


def revoke(path: Path, name: str, by: str | None, *, force: bool = False) -> bool:
    """Makes a key of no use; whether it was of any before. With `force` also the last operator's.

    Raises:
        NotFound: there is no key of that name.
        LastOperator: no other operator's key is good.
        DamagedKeys, OSError: the file cannot be read or written.
    """
    revoked = False

    def mark(keys: Sequence[Key]) -> Sequence[Key]:
        nonlocal revoked
        found = next((key for key in keys if key.name == name), None)
        if found is None:
            raise NotFound("there is no key of this name")
        revoked = found.revoked_at is None
        if not force:
            _check_not_last(keys, found)
        marked = msgspec.structs.replace(found, revoked_at=datetime.now(UTC), revoked_by=by)
        return [marked if key is found and revoked else key for key in keys]

    _change(path, mark)
    return revoked


def _check_not_last(keys: Sequence[Key], key: Key) -> None:
    now = datetime.now(UTC)
    operators = [
        each
        for each in keys
        if each.role == "operator"
        and not each.is_narrowed
        and each.revoked_at is None
        and (each.expires_at is None or each.expires_at > now)
    ]
    if operators == [key]:
        raise LastOperator(
            f"{key.name} is the last operator's key: without it no one can back up, restore or"
            " make keys; make another one before, or say that it is meant (force)"
        )


def note_uses(path: Path, uses: Mapping[str, datetime]) -> None:
    """Writes down when keys were last used.

    Raises:
        DamagedKeys, OSError: the file cannot be read or written.
    """
    if uses:
        _change(
            path,
            lambda keys: [
                msgspec.structs.replace(key, last_used_at=uses.get(key.name, key.last_used_at))
                for key in keys
            ],
        )


def _change(path: Path, change: Callable[[Sequence[Key]], Sequence[Key]]) -> None:
    """Changes the file, one process at a time: it is the new one, or as it was."""
    make_folder(path.parent)
    with _alone(path.parent):
        before = read(path)
        after = change(before)
        if after != before:
            content = {"version": 1, "keys": [_stored(key) for key in after]}
            text = msgspec.json.format(msgspec.json.encode(content), indent=2)
            _replace(path, text + b"\n")


def _stored(key: Key) -> dict[str, Any]:
    """As the file has it: one that is not narrowed as an older version has it, which reads it."""
    said = msgspec.to_builtins(key)
    return {name: each for name, each in said.items() if each is not None or name not in NARROWED}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # and the lock is gone


def _replace(path: Path, text: bytes) -> None:
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)  # of a process that was killed: no one else is here
    try:
        with HashingFile(temporary) as file:
            file.write(text)
            _give_to_owner(temporary, path)
            file.settle()
        put_in_place(temporary, path)  # the commit point
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _give_to_owner(temporary: Path, path: Path) -> None:
    """Root may make keys for a service that is another user's, who has to read them."""
    if os.geteuid() == 0:
        owner = (path if path.exists() else path.parent).stat()
        os.chown(temporary, owner.st_uid, owner.st_gid)
