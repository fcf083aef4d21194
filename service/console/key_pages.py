"""GET /keys: who may do what; keys made and revoked."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.access import keys_file
from service.access.keys_file import Key
from service.access.roles import DEEDS, ROLES, Role
from service.api.http.authentication import actor_of
from service.api.http.describing import described_page, described_part
from service.api.http.parameters import only_known
from service.api.v1.keys import listed, readable
from service.console.forms import Form, see_other
from service.console.pages import page
from service.errors import Conflict, NotFound, Problem, Unprocessable
from service.gate import Gate

FORM = described_part(role="operator")
DAYS = {"": "never", "1": "in a day", "30": "in 30 days", "90": "in 90 days", "365": "in a year"}
ABOUT = {
    "reader": "looks at everything but keys and the trail",
    "writer": "also brings rows in, and corrects rejected ones",
    "operator": "also backs up, restores, builds, and makes keys",
}


class KeyPages(Controller):
    """Keys."""

    path = "/keys"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="show_keys_page",
        sync_to_thread=True,
        opt=described_page(role="operator"),
    )
    def show_keys_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """Shows the keys, without themselves."""
        return _page(request, gate)

    @post("/", operation_id="create_key_by_form", opt=FORM)
    async def create_key_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
    ) -> Response[Any]:
        """Makes a key, and shows it this once."""
        try:
            made, secret = await asyncio.to_thread(_make, gate, form, actor_of(request))
        except (Conflict, NotFound, Unprocessable) as problem:
            return await asyncio.to_thread(_page, request, gate, problem=problem, form=form)
        await asyncio.to_thread(gate.key_memory.keep)
        return await asyncio.to_thread(_page, request, gate, made=made, secret=secret)

    @post("/{name:str}/revoke", operation_id="revoke_key_by_form", opt=FORM)
    async def revoke_key_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        name: FromPath[str],
    ) -> Response[Any]:
        """Revokes a key, and with it the sessions that it began."""
        with readable():
            await asyncio.to_thread(keys_file.revoke, gate.keyring.path, name, actor_of(request))
        await asyncio.to_thread(gate.key_memory.keep)
        return see_other("/keys")


def _make(gate: Gate, form: Form, actor: str | None) -> tuple[Key, str]:
    days, role = form.text("days"), form.text("role")
    if role not in ROLES or days not in DAYS:
        raise Unprocessable("choose a role, and when the key is to expire")
    expires = datetime.now(UTC) + timedelta(days=int(days)) if days else None
    known: Role = role  # type: ignore[assignment]
    tables = form.text("tables").replace(",", " ").split() or None
    for table in tables or ():
        gate.table(table)
    only: Any = [form.text("only")] if form.text("only") else None
    with readable():
        named = gate.keyring.path, form.text("name")
        return keys_file.create(*named, known, expires, actor, tables=tables, only=only)


def _page(
    request: Request[Any, Any, Any],
    gate: Gate,
    *,
    made: Key | None = None,
    secret: str = "",
    problem: Problem | None = None,
    form: Form | None = None,
) -> Response[Any]:
    said = form or Form([])
    return page(
        request,
        "keys.html",
        201 if made else problem.status if problem else 200,
        keys=listed(gate),
        made=made,
        secret=secret,
        problem=problem,
        said={name: said.text(name) for name in ("name", "role", "days", "tables", "only")},
        deeds=list(DEEDS),
        roles=ABOUT,
        days=DAYS,
        now_utc=datetime.now(UTC),
    )
