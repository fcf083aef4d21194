"""The keys of the service, for operators."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from service.access import keys_file
from service.access.keyring import KeysUnreadable
from service.access.roles import Deed, Role
from service.api.http.authentication import actor_of
from service.api.http.bodies import json_body
from service.api.http.describing import described
from service.api.http.idempotency import answered_once
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp
from service.api.v1.answers import created
from service.errors import NotFound
from service.gate import Gate


class ShownKey(msgspec.Struct):
    """A key, without itself; one that was revoked stays listed.

    It may be narrowed to `tables`, and to deeds (`only`); null: to none.
    `last_used_at` is written down once a minute.
    """

    name: str
    role: Role
    created_at: Timestamp
    created_by: str | None
    expires_at: Timestamp | None
    last_used_at: Timestamp | None
    revoked_at: Timestamp | None
    revoked_by: str | None
    tables: list[str] | None
    only: list[Deed] | None


class KeyList(msgspec.Struct):
    """All keys, in the order in which they were made."""

    keys: list[ShownKey]
    next: str | None = None  # they are few: there is one page


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A key to be made; without `expires_at` it is good until it is revoked.

    It can be narrowed to some `tables`, and to deeds (`only`) that its role may do.
    """

    name: keys_file.Name
    role: Role
    expires_at: Timestamp | None = None
    tables: list[str] | None = None
    only: list[Deed] | None = None


class NewKey(msgspec.Struct):
    """A new key. `key` is shown this once; when the request is repeated, it is null."""

    name: str
    role: Role
    expires_at: Timestamp | None
    key: str | None
    tables: list[str] | None
    only: list[Deed] | None


class KeyController(Controller):
    """Keys."""

    path = "/v1/keys"
    tags = ("keys",)
    guards = (only_known,)

    @get("/", operation_id="list_keys", sync_to_thread=True, opt=described(role="operator"))
    def list_keys(self, gate: NamedDependency[Gate]) -> KeyList:
        """Lists the keys."""
        return KeyList(listed(gate))

    @post(
        "/",
        operation_id="create_key",
        status_code=201,
        opt=described(
            answers={201: NewKey},
            body={"application/json": KeyRequest},
            problems=(404, 409, 413, 422, 507),
            once=True,
            role="operator",
        ),
    )
    async def create_key(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[bytes]:
        """Makes a key; from the first one on, every request needs one."""
        body, asked = await json_body(request, KeyRequest)
        for table in asked.tables or ():
            gate.table(table)
        args = gate.keyring.path, asked.name, asked.role, asked.expires_at, actor_of(request)
        narrowed: Any = {"tables": asked.tables, "only": asked.only}
        secret = None

        async def create() -> Response[bytes]:
            nonlocal secret
            with readable():
                _, secret = await asyncio.to_thread(keys_file.create, *args, **narrowed)
            await asyncio.to_thread(gate.key_memory.keep)
            return _response(asked, None)  # what is kept for a repeat: without the key

        answer = await answered_once(request, body, create)
        return answer if secret is None else _response(asked, secret)

    @get(
        "/{name:str}",
        operation_id="show_key",
        sync_to_thread=True,
        opt=described(role="operator"),
    )
    def show_key(self, gate: NamedDependency[Gate], name: FromPath[str]) -> ShownKey:
        """Shows a key, without itself."""
        found = next((key for key in listed(gate) if key.name == name), None)
        if found is None:
            raise NotFound(f"there is no key {name!r}")
        return found

    @delete(
        "/{name:str}",
        operation_id="revoke_key",
        opt=described(problems=(409,), role="operator"),
    )
    async def revoke_key(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        name: FromPath[str],
        force: Annotated[bool, QueryParameter(description="Also the last operator's key.")] = False,
    ) -> None:
        """Revokes a key: from now on it is of no use. It stays listed, and its name is taken.

        The last operator's key is not revoked (409) unless that is meant.
        """
        path, actor = gate.keyring.path, actor_of(request)
        with readable():
            await asyncio.to_thread(keys_file.revoke, path, name, actor, force=force)
        await asyncio.to_thread(gate.key_memory.keep)


@contextmanager
def readable() -> Iterator[None]:
    """Turns what is wrong with the file into KeysUnreadable, which does not say where it is."""
    try:
        yield
    except (keys_file.DamagedKeys, PermissionError) as error:
        raise KeysUnreadable("the file with the keys cannot be read") from error


def listed(gate: Gate) -> list[ShownKey]:
    """All keys, as clients see them."""
    with readable():
        keys = keys_file.read(gate.keyring.path)
    names = ShownKey.__struct_fields__
    shown = ({name: getattr(key, name) for name in names} for key in keys)
    return [ShownKey(**{**each, **_lists(each)}) for each in shown]


def _lists(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: list(shown[name]) for name in keys_file.NARROWED if shown[name] is not None}


def _response(asked: KeyRequest, secret: str | None) -> Response[bytes]:
    made = NewKey(asked.name, asked.role, asked.expires_at, secret, asked.tables, asked.only)
    return created(made, f"/v1/keys/{asked.name}")
