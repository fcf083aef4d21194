"""GET /builds: what dbt did, and what it said of each model and test."""

import asyncio
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from service.api.http.audit_log import log_action
from service.api.http.authentication import actor_of
from service.api.http.describing import described_page, described_part
from service.api.http.parameters import only_known
from service.api.v1.builds import Build, page_of
from service.console.forms import Form, see_other
from service.console.pages import fragment, page
from service.dbt.runner import Node
from service.gate import Gate

FORM = described_part(role="operator")
GOOD = ("success", "pass")
BAD = ("error", "fail", "runtime error")


class BuildPages(Controller):
    """Builds."""

    path = "/builds"
    tags = ("pages",)
    guards = (only_known,)

    @get(
        "/",
        operation_id="show_builds_page",
        sync_to_thread=False,
        opt=described_page(),
    )
    def show_builds_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """Shows the builds since the service was started, newest first."""
        return page(request, "builds.html", builds=_all(gate))

    @get(
        "/state",
        operation_id="show_builds_state",
        sync_to_thread=False,
        opt=described_part(polled=True),
    )
    def show_builds_state(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate]
    ) -> Response[Any]:
        """The part of the page that is renewed while one runs."""
        return fragment(request, "_builds.html", builds=_all(gate))

    @get(
        "/{build_id:str}",
        operation_id="show_build_page",
        sync_to_thread=False,
        opt=described_page(),
    )
    def show_build_page(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], build_id: FromPath[str]
    ) -> Response[Any]:
        """Shows one build, what went wrong first."""
        return page(request, "build.html", **_one(gate, build_id))

    @get(
        "/{build_id:str}/state",
        operation_id="show_build_state",
        sync_to_thread=False,
        opt=described_part(polled=True),
    )
    def show_build_state(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], build_id: FromPath[str]
    ) -> Response[Any]:
        """The part of its page that is renewed while it runs."""
        return fragment(request, "_build.html", **_one(gate, build_id))

    @post("/", operation_id="build_by_form", opt=FORM)
    async def build_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
    ) -> Response[Any]:
        """Asks for a build, or only for what it would change."""
        build_id = gate.builds.ask(actor_of(request), dry_run="dry_run" in form).build_id
        await asyncio.wrap_future(gate.builds.on_record(build_id))
        return see_other(f"/builds/{build_id}")

    @post("/{build_id:str}/cancel", operation_id="cancel_build_by_form", opt=FORM)
    async def cancel_build_by_form(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        form: NamedDependency[Form],
        build_id: FromPath[str],
    ) -> Response[Any]:
        """Has it end soon."""
        gate.builds.cancel(build_id)
        await log_action(request, "build.cancel", build_id)
        return see_other(f"/builds/{build_id}")


def _all(gate: Gate) -> list[Build]:
    return [page_of(build, gate.builds) for build in gate.builds.newest_first()]


def _one(gate: Gate, build_id: str) -> dict[str, Any]:
    """What its template shows: `groups` are nodes by kind, each with what went wrong first."""
    build = page_of(gate.builds.get(build_id), gate.builds)
    kinds = dict.fromkeys(node.kind for node in build.nodes)
    groups = {
        kind: sorted((node for node in build.nodes if node.kind == kind), key=_gravity)
        for kind in sorted(kinds)
    }
    wrong = [node for node in build.nodes if node.status not in GOOD]
    return {"build": build, "groups": groups, "wrong": sorted(wrong, key=_gravity), "good": GOOD}


def _gravity(node: Node) -> int:
    return 0 if node.status in BAD else 2 if node.status in GOOD else 1
