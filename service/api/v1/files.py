"""CSV files of any size into a table: taken in whole, loaded in the background."""

import asyncio
from pathlib import PurePath
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from service.api.http import describing
from service.api.http.app_state import limits_of
from service.api.http.authentication import actor_of
from service.api.http.bodies import media_type, streamed
from service.api.http.describing import Link, ProblemDocument, described
from service.api.http.idempotency import AS_SENT, answered_once
from service.api.http.parameters import only_known
from service.api.http.preferences import RowPreferences
from service.api.http.problems import CONTENT_TYPE
from service.api.v1.answers import encoded
from service.dictionary.file_options import WrongOption, read_options
from service.doors.file_load import FileLoad, Upload
from service.errors import BadRequest, UnsupportedFormat
from service.formats.csv.dialect import DialectOptions
from service.gate import Gate

TYPES = ("", "text/csv", "application/octet-stream", "application/gzip", "application/zstd")
ENCODINGS = ("identity", "gzip", "x-gzip", "zstd")  # a file is decompressed when it is read


Text: TypeAlias = str | None
MAX_SKIPPED = 2**31 - 1  # lines; no file has more above its header


class LoadAsked(msgspec.Struct):
    """A file that was taken in: where to follow its load, and what shape it was found to have."""

    load_id: str
    href: str
    found: str


class UnreadableFileProblem(ProblemDocument):
    """No sense could be made of a file; nothing of it was loaded."""

    load_id: str | msgspec.UnsetType = msgspec.UNSET


class FileController(Controller):
    """Files."""

    path = "/v1/tables/{table:str}/files"
    tags = ("rows",)
    guards = (only_known,)

    # Long by its parameters, each of which says what it is for.
    @post(
        "/",
        operation_id="load_file",
        status_code=202,
        request_max_body_size=None,  # `streamed` has a limit
        opt=described(
            answers={202: LoadAsked, 422: {CONTENT_TYPE: UnreadableFileProblem}},
            body={
                "text/csv": describing.Schema.TEXT,
                "application/octet-stream": describing.Schema.BYTES,
            },
            problems=(413, 415, 507),
            once=True,
            encodings=True,
            resolves=True,
            role="writer",
            leads_to=(Link("show_load", {"load_id": "/load_id"}),),
        ),
    )
    async def load_file(
        self,
        request: Request[Any, Any, Any],
        gate: NamedDependency[Gate],
        table: FromPath[str],
        filename: Annotated[
            str, QueryParameter(description="What the file is called.")
        ] = "file.csv",
        dry_run: Annotated[bool, QueryParameter(description="Only judge the rows.")] = False,
        delimiter: Annotated[
            Text, QueryParameter(description="A character; `tab`, `space`, or a byte: `\\x01`.")
        ] = None,
        quote: Annotated[Text, QueryParameter(description="`\"`, `'`, or `none`.")] = None,
        escape: Annotated[
            Text,
            QueryParameter(description="How a quote stands in quotes: `doubled` or `backslash`."),
        ] = None,
        comment: Annotated[
            Text, QueryParameter(description="What lines begin with that are passed over.")
        ] = None,
        skip: Annotated[
            int | None,
            QueryParameter(ge=0, le=MAX_SKIPPED, description="How many lines stand above it."),
        ] = None,
        header: Annotated[
            bool | None, QueryParameter(description="Whether the first line names the columns.")
        ] = None,
        columns: Annotated[
            Text,
            QueryParameter(
                description="The table's column for each of the file's; `-` leaves one out."
            ),
        ] = None,
        encoding: Annotated[
            Text, QueryParameter(description="Such as `utf-8` or `windows-1252`.")
        ] = None,
        null: Annotated[
            Text, QueryParameter(description="What stands for no value; several by commas.")
        ] = None,
    ) -> Response[bytes]:
        """Takes a CSV file in (also gzip or zstd) and loads it in the background.

        What is not said of its shape is found out. Follow the load where `href` leads.
        """
        found = gate.table(table)
        options = _options(
            delimiter=delimiter,
            quote=quote,
            escape=escape,
            comment=comment,
            skip=skip,
            header=header,
            columns=columns,
            encoding=encoding,
            nulls=null,
        )
        _check_type(request)
        preferred = RowPreferences.of(request)
        upload = Upload(
            table=found,
            source=PurePath(filename.replace("\\", "/")).name[-255:] or "file.csv",
            options=options,
            is_trial=dry_run,
            on_conflict=preferred.on_conflict,
            actor=actor_of(request),
        )
        path, limit = gate.loads.path_to_receive(upload), gate.settings.max_file_bytes
        with limits_of(request).upload():
            async with streamed(request, path, limit, "file") as file:

                async def take() -> Response[bytes]:
                    load = await asyncio.to_thread(gate.loads.take, path, upload)
                    return _taken(load, preferred)

                if dry_run:  # it changes nothing, and must not be taken for the load that follows
                    return await take()
                return await answered_once(request, file.sha256.encode(), take, AS_SENT)


def _check_type(request: Request[Any, Any, Any]) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type(request) not in TYPES:
        raise UnsupportedFormat(f"a file comes as text/csv, not {media_type(request)}")
    if encoding not in ENCODINGS:
        raise UnsupportedFormat(f"files may be compressed by gzip or zstd, not {encoding}")


def _options(**said: Any) -> DialectOptions:
    try:
        return DialectOptions(**read_options(said))
    except WrongOption as error:
        raise BadRequest(str(error)) from error


def _taken(load: FileLoad, preferred: RowPreferences) -> Response[bytes]:
    href = f"/v1/loads/{load.load_id}"
    headers = {"Location": href}
    if preferred.resolution:
        headers["Preference-Applied"] = f"resolution={preferred.resolution}"
    return Response(
        encoded(LoadAsked(load.load_id, href, load.dialect.described())),
        status_code=202,
        media_type="application/json",
        headers=headers,
    )
