"""Builds by dbt, inside the service."""

import asyncio
import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, cast

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from service.api.http.audit_log import log_action
from service.api.http.authentication import actor_of
from service.api.http.describing import Link, described
from service.api.http.idempotency import answered_once
from service.api.http.parameters import only_known
from service.api.http.times import Timestamp, in_utc
from service.api.v1.answers import encoded
from service.dbt.runner import BuildProgress, BuildResult, Node
from service.doors.builds import Builds
from service.doors.plans import BuildPlan
from service.errors import BadRequest
from service.gate import Gate

Status = Literal["queued", "running", "done", "failed"]
is_allowed = re.compile(r"drop:[^\s.]+(\.[^\s.]+)?").fullmatch
Allow: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        description="What may be lost, with commas between: `drop:table`, `drop:table.column`."
    ),
]


class BuildAsked(msgspec.Struct):
    """A build that was asked for, and where to follow it."""

    build_id: str
    href: str


class Build(msgspec.Struct):
    """A build and how far it is. `plan` is what a dry run has said would change, null before it has
    ended.
    """

    build_id: str
    status: Status
    started_at: Timestamp | None
    finished_at: Timestamp | None
    nodes: list[Node]
    message: str | None
    actor: str | None
    progress: BuildProgress
    warnings: list[str]  # such as files of the history that are of no table
    dry_run: bool
    plan: BuildPlan | None


class BuildList(msgspec.Struct):
    """The last builds, newest first."""

    builds: list[Build]
    next: str | None = None  # they are few: there is one page


def read_allowed(said: str | None) -> tuple[str, ...]:
    """What may be lost, of ``drop:table,drop:table.column``; raises BadRequest."""
    words = tuple(each.strip() for each in (said or "").split(",") if each.strip())
    if wrong := next((word for word in words if not is_allowed(word)), None):
        raise BadRequest(f"{wrong} cannot be allowed; there are drop:table and drop:table.column")
    return words


class BuildController(Controller):
    """Builds."""

    path = "/v1/builds"
    tags = ("builds",)
    guards = (only_known,)

    @post(
        "/",
        operation_id="build",
        status_code=202,
        opt=described(
            answers={202: BuildAsked},
            problems=(409,),
            once=True,
            role="operator",
            leads_to=(Link("show_build", {"build_id": "/build_id"}),),
        ),
    )
    async def build(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        dry_run: FromQuery[bool] = False,
        allow: Allow = None,
    ) -> Response[bytes]:
        """Asks for a build; one runs at a time, a few may wait (409 when too many do).

        A dry run only says what would change: `plan` of the build, when it is done. What would lose
        values is refused, unless `allow` has it.
        """
        allowed = read_allowed(allow)

        async def ask() -> Response[bytes]:
            build_id = gate.builds.ask(actor_of(request), dry_run, allowed).build_id
            await asyncio.wrap_future(gate.builds.on_record(build_id))
            href = f"/v1/builds/{build_id}"
            return Response(
                encoded(BuildAsked(build_id, href)),
                status_code=202,
                media_type="application/json",
                headers={"Location": href},
            )

        return await answered_once(request, await request.body(), ask)

    @get("/", operation_id="list_builds", sync_to_thread=False)
    def list_builds(self, gate: NamedDependency[Gate]) -> BuildList:
        """Lists the builds since the service was started, newest first."""
        return BuildList([page_of(build, gate.builds) for build in gate.builds.newest_first()])

    @get("/{build_id:str}", operation_id="show_build", sync_to_thread=False)
    def show_build(self, gate: NamedDependency[Gate], build_id: FromPath[str]) -> Build:
        """Shows one build, with what dbt said of each model and test."""
        return page_of(gate.builds.get(build_id), gate.builds)

    @delete(
        "/{build_id:str}",
        operation_id="cancel_build",
        opt=described(problems=(409,), role="operator"),
    )
    async def cancel_build(
        self, request: Request[Any, Any, Any], gate: NamedDependency[Gate], build_id: FromPath[str]
    ) -> None:
        """Has a build that waits or runs end soon, as failed; 409 when it has ended.

        The tables that it had come to stay as it left them: each is built in one transaction.
        """
        gate.builds.cancel(build_id)  # before: one that hangs keeps the writer from writing
        await log_action(request, "build.cancel", build_id)


def page_of(build: BuildResult, builds: Builds) -> Build:
    """A build, as clients see it."""
    return Build(
        build_id=build.build_id,
        status=cast(Status, build.status),
        started_at=_in_utc(build.started_at),
        finished_at=_in_utc(build.finished_at),
        nodes=list(build.nodes),
        message=build.message,
        actor=build.actor,
        progress=build.progress,
        warnings=list(build.warnings),
        dry_run=build.dry_run,
        plan=builds.plan_of(build.build_id),
    )


def _in_utc(naive: datetime | None) -> datetime | None:
    return None if naive is None else in_utc(naive)
