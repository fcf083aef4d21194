"""Drafts: files that someone has dropped or pasted, kept while they look at what would go in.

A draft lives until the service ends, or the next one comes and it is an hour old or there are 20
newer ones. Its file lies in the folder of files that wait; what a killed service leaves there, the
next one removes.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from service.doors.file_load import FileLoad
from service.errors import NotFound, Problem
from service.runtime.settings import Settings

KEPT = 20  # drafts at a time, of all people
KEPT_SECONDS = 3600
Kind = Literal["csv", "application/json", "application/x-ndjson"]


@dataclass
class Draft:
    """A file for a table, what was said of it, and what came of looking at it.

    `trial` is its last dry run, `outcome` the same of rows in JSON, `problem` why there is none.
    `load_id` is the load that it went in by.
    """

    table: str
    path: Path
    source: str
    kind: Kind
    actor: str | None
    draft_id: str = field(default_factory=lambda: uuid4().hex)
    options: Mapping[str, str] = field(default_factory=dict)
    trial: FileLoad | None = None
    outcome: Any = None
    problem: Problem | None = None
    load_id: str | None = None
    load: FileLoad | None = None
    rows: Any = None  # what the page shows of the trial, once it has ended
    made_at: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Drafts:
    """The drafts of a service, by their ids."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}
        self._lock = threading.Lock()

    @staticmethod
    def new_path(settings: Settings) -> Path:
        """Where the file of a draft is to be; nothing is there."""
        return settings.spool / f"draft-{uuid4().hex}.tmp"

    def add(self, draft: Draft) -> None:
        """Keeps a draft; those that are too old, or too many, go."""
        with self._lock:
            self._drafts[draft.draft_id] = draft
            drafts, now = [*self._drafts.values()], time.monotonic()
            gone = [each for each in drafts if now - each.made_at > KEPT_SECONDS]
            for each in {each.draft_id: each for each in (*gone, *drafts[:-KEPT])}.values():
                del self._drafts[each.draft_id]
                each.path.unlink(missing_ok=True)

    def get(self, draft_id: str, table: str, actor: str | None) -> Draft:
        """The draft of that id, if it is of that table and was made by `actor`.

        Raises:
            NotFound: there is none, or no more.
        """
        found = self._drafts.get(draft_id)
        if found is None or (found.table, found.actor) != (table, actor):
            raise NotFound("this file is not kept any more; choose it again", table=table)
        return found
