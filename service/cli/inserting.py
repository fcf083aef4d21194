"""Batches of rows, each sent under a key of its own, and their answers, added up."""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.cli.failures import Refused
from service.cli.invocation import segment
from service.runtime.resolutions import OnConflict, preferred
from service.runtime.wording import counted

if TYPE_CHECKING:
    import httpx

    from service.cli.client import Client
    from service.cli.row_files import RowChunk

Answer = dict[str, Any]
OF_A_BATCH = (400, 413, 415, 422)  # what may be right in one, and wrong in the next


@dataclass
class InsertTotal:
    """The answers to all batches; rows that had been sent before are counted apart."""

    table: str
    dry_run: bool
    received: int = 0
    accepted: int = 0
    changed: int = 0
    rejected: int = 0
    already_present: int = 0
    sent_before: int = 0
    accepted_before: int = 0
    rejected_before: int = 0
    load_ids: list[str] = field(default_factory=list)
    rejections: list[Answer] = field(default_factory=list)

    def add(self, file: str, first_row: int, answer: Answer) -> None:
        """Adds the answer to the batch whose first row is `first_row` of `file`."""
        if answer["sent_before"]:
            self.sent_before += answer["received"]
            self.accepted_before += answer["accepted"]
            self.rejected_before += answer["rejected"]
        else:
            for count in ("received", "accepted", "changed", "rejected", "already_present"):
                setattr(self, count, getattr(self, count) + answer[count])
        if answer.get("load_id"):
            self.load_ids.append(answer["load_id"])
        self.rejections += [
            {"file": file, **rejection, "row": first_row + rejection["row"]}
            for rejection in answer["rejections"]
        ]

    def summary(self) -> str:
        """``jobs 3 rows (2 accepted, 1 rejected)``, and what had been sent before."""
        more = {
            "changed": self.changed,
            "already present": self.already_present,
            "sent before": self.sent_before,
        }
        told = "".join(f", {count:,} {what}" for what, count in more.items() if count)
        would = " (dry run: nothing is written)" if self.dry_run else ""
        return (
            f"{self.table} {counted(self.received, 'row')} "
            f"({self.accepted:,} accepted, {self.rejected:,} rejected{told}){would}"
        )


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Sends batches of a table's rows.

    The key of a batch is made of all that its answer depends on: the table, how it is handled, its
    rows, and where they stand. So the same batch of the same file is answered from memory.
    """

    table: str
    strict: bool
    dry_run: bool
    again: bool
    on_conflict: OnConflict | None = None

    def __call__(self, client: "Client", file: str, batch: "RowChunk") -> Answer:
        """The answer of a 200, 201, 207, or of a 422 that lists rejections; and `sent_before`.

        Raises:
            Refused: for any other; where it is about the batch, with its file and place.
        """
        try:
            response = self._sent(client, batch)
        except Refused as refused:
            if refused.status == 422 and refused.problem.get("rejections"):
                return {**refused.problem, "sent_before": refused.is_repeated}
            if refused.status in OF_A_BATCH:
                refused.of_file(file, file, f", from row {batch.first_row:,}")
            raise
        is_repeated = "Idempotency-Replayed" in response.headers
        return {**response.json(), "sent_before": is_repeated}

    def _sent(self, client: "Client", batch: "RowChunk") -> "httpx.Response":
        headers = {"Content-Type": batch.content_type, "Prefer": self._preferred}
        if not (self.again or self.dry_run):
            headers["Idempotency-Key"] = self.key_of(batch)
        return client.send(
            "POST",
            f"/v1/tables/{segment(self.table)}/rows",
            content=batch.body,
            params={"dry_run": "true"} if self.dry_run else {},
            headers=headers,
        )

    def key_of(self, batch: "RowChunk") -> str:
        """The Idempotency-Key of a batch, the same whenever it is sent."""
        preferred = self._preferred.removeprefix("handling=")  # so it was before there was more
        said = (self.table, preferred, batch.content_type, str(batch.first_row))
        digest = hashlib.sha256("\0".join(said).encode() + b"\0" + batch.body)
        return f"insert-{digest.hexdigest()}"

    @property
    def _preferred(self) -> str:
        handling = f"handling={'strict' if self.strict else 'lenient'}"
        return f"{handling}, {preferred(self.on_conflict)}" if self.on_conflict else handling
