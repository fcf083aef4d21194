"""What is done with a draft: it is looked at (a dry run), and loaded; by the doors of the API."""

import asyncio
from typing import Any

import msgspec

from service.console.drafts import Draft
from service.dictionary.file_options import WrongOption, read_options
from service.doors.file_load import FileLoad, Upload
from service.doors.inserts import InsertOptions, RefusedRequest
from service.errors import BadRequest, Problem
from service.formats.csv.dialect import DialectOptions
from service.gate import Gate
from service.ops.records import AnswerRecord
from service.runtime.clock import utc_now
from service.runtime.durable_files import keep_as
from service.warehouse.work import Idempotency, Outcome, StoredAnswer

# The fields of the form that say how a file is read, as `read_options` knows them.
OPTIONS = ("delimiter", "quote", "escape", "comment", "skip", "header", "columns", "encoding")
NULLS = "nulls"
# The delimiters that the form offers: what is sent, and what people read.
DELIMITERS = (
    ("", "found out"),
    (",", "comma"),
    (";", "semicolon"),
    ("tab", "tab"),
    ("|", "pipe |"),
    ("space", "space"),
    ("^", "caret ^"),
)


async def look(gate: Gate, draft: Draft) -> None:
    """Begins a dry run of a draft by its options; what cannot be read becomes its `problem`."""
    trial = outcome = problem = None
    try:
        if draft.kind == "csv":
            trial = await asyncio.to_thread(_take, gate, draft, is_trial=True)
        else:
            outcome = await _insert(gate, draft, dry_run=True)
    except Problem as found:
        problem = found
    # At once: its page may be asked for while it is looked at again.
    draft.trial, draft.outcome, draft.rows, draft.problem = trial, outcome, None, problem


async def load(gate: Gate, draft: Draft) -> str:
    """Loads a draft, once however often it is asked for; the id of its load."""
    if draft.kind == "csv":
        return await asyncio.to_thread(_load_file, gate, draft)
    done = await _insert(gate, draft, dry_run=False)
    draft.load_id = _load_id(done)
    return draft.load_id


def dialect_options(said: Any) -> DialectOptions:
    """What a form says of a file; an empty field says nothing.

    Raises:
        BadRequest: it makes no sense.
    """
    known = {name: said[name].strip() for name in (*OPTIONS, NULLS) if said.get(name, "").strip()}
    options: dict[str, Any] = {**known}
    if (skip := known.get("skip")) is not None:
        options["skip"] = int(skip) if skip.isdecimal() and len(skip) < 10 else skip
    if (header := known.get("header")) is not None:
        options["header"] = {"true": True, "false": False}.get(header, header)
    try:
        return DialectOptions(**read_options(options))
    except WrongOption as error:
        raise BadRequest(str(error)) from error


def _load_file(gate: Gate, draft: Draft) -> str:
    with draft.lock:
        if draft.load is None:
            draft.load = _take(gate, draft, is_trial=False)
            draft.load_id = draft.load.load_id
            draft.path.unlink(missing_ok=True)  # the load has a name of its own for it
    return draft.load.load_id


def _take(gate: Gate, draft: Draft, *, is_trial: bool) -> FileLoad:
    """Hands the file to the door of files, which keeps it under another name."""
    upload = Upload(
        table=gate.table(draft.table),
        source=draft.source,
        options=dialect_options(draft.options),
        is_trial=is_trial,
        actor=draft.actor,
    )
    path = gate.loads.path_to_receive(upload)
    keep_as(draft.path, path)
    try:
        return gate.loads.take(path, upload)
    finally:
        path.unlink(missing_ok=True)  # it was not taken


async def _insert(gate: Gate, draft: Draft, *, dry_run: bool) -> Outcome | StoredAnswer:
    body = await asyncio.to_thread(draft.path.read_bytes)
    asked = None if dry_run else Idempotency(f"draft/{draft.draft_id}", draft.draft_id)
    options = InsertOptions(
        render=lambda done: _kept(draft.draft_id, done),
        dry_run=dry_run,
        actor=draft.actor,
        idempotency=asked,
    )
    done = await gate.inserts.insert(draft.table, body, draft.kind, options)
    if isinstance(done, RefusedRequest):
        raise done.error
    return done


def _kept(draft_id: str, done: Outcome | RefusedRequest) -> AnswerRecord:
    """What is kept for a second click: the id of the load."""
    return AnswerRecord(
        key=f"draft/{draft_id}",
        request=draft_id,
        status=303,
        headers="{}",
        body=msgspec.json.encode(done.load_id),
        created_at=utc_now(),
    )


def _load_id(done: Outcome | StoredAnswer) -> str:
    if isinstance(done, StoredAnswer):
        return msgspec.json.decode(done.answer.body, type=str)
    return done.load_id or ""
