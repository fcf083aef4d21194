"""What becomes of the requests of a group, in the writer's transaction, before it writes them."""

from collections.abc import Sequence
from itertools import compress
from typing import TypeAlias

from service.dictionary import Dictionary
from service.engines.engine import Connection
from service.errors import Problem, Unavailable
from service.judge.admission import Verdict, admit_all
from service.judge.batch import Batch
from service.judge.generated_keys import with_ids
from service.judge.kept_out import without_erased
from service.judge.key_index import KeyIndex
from service.judge.resolution import admit_again, set_aside
from service.ops import records
from service.ops.erased_rows import ErasedKeys
from service.runtime.resolutions import OF_REQUESTS
from service.warehouse.kept_rows import KeptRows
from service.warehouse.replays import settled
from service.warehouse.work import (
    Group,
    Insert,
    Outcome,
    StoredAnswer,
    first_ids,
    stored_answer,
)

Answer: TypeAlias = Outcome | StoredAnswer | Problem


class Decisions:
    """Decides by a dictionary and by what was erased; a group gets what is to be written."""

    def __init__(
        self, connection: Connection, dictionary: Dictionary, erased: ErasedKeys, group: Group
    ) -> None:
        self._connection, self._dictionary = connection, dictionary
        self._erased, self._group = erased, group

    def of(self, inserts: Sequence[Insert]) -> list[Answer]:
        """As if one came after the other; most often all that is asked for can be done at once."""
        group = self._group
        kept, ids = KeptRows(self._connection, self._dictionary, group), group.ids.layer()
        if all(map(self._is_usual, inserts)):
            batches = [with_ids(each.batches[0], group.keys, ids) for each in inserts]
            if verdicts := self._at_once(inserts, batches, kept):
                group.ids.absorb(ids)
                return [
                    group.take(insert, [verdict], refused=False)
                    for insert, verdict in zip(inserts, verdicts, strict=True)
                ]
        else:
            kept.look_ahead(
                (b for each in inserts if _resolves(each) for b in each.batches), group.keys
            )
        return [self._answer(insert, kept) for insert in inserts]

    def _is_usual(self, insert: Insert) -> bool:
        return (
            insert.is_usual
            and self._judges_like(insert.batches[0])
            and insert.batches[0].table.name not in self._erased.hashes
        )

    def _at_once(
        self, inserts: Sequence[Insert], batches: Sequence[Batch], kept: KeptRows
    ) -> list[Verdict]:
        """The verdicts on the one batch of each, if all rows go in or are there as they are,
        whichever comes first; else none.
        """
        keys = self._group.keys
        if admit_all(batches, keys):
            return [Verdict(batch, batch.fitting, {}) for batch in batches]
        kept.look_ahead(compress(batches, map(_resolves, inserts)), keys)
        there = [kept.seen(batch) for batch in batches]
        if not any(each.rows.size for each in there) or not all(
            each.are_same.all() for each in there
        ):
            return []
        parts = [set_aside(batch, each.rows) for batch, each in zip(batches, there, strict=True)]
        if not admit_all([rest for rest, _ in parts], keys):
            return []
        return [
            Verdict(batch, rest.fitting, {}, present)
            for batch, (rest, present) in zip(batches, parts, strict=True)
        ]

    def _answer(self, insert: Insert, kept: KeptRows) -> Answer:
        group = self._group
        if not all(map(self._judges_like, insert.batches)):
            return Unavailable("the dictionary has just changed; try again")
        if insert.idempotency:
            before = group.answers.get(insert.idempotency.key) or records.answer_to(
                self._connection, insert.idempotency.key
            )
            if before is not None:
                return stored_answer(before, insert.idempotency)
        if insert.replay and (gone_in := settled(self._connection, insert.replay, group.settled)):
            return gone_in
        outcome = self._decide(insert, kept)
        if insert.idempotency and insert.render and not insert.dry_run:
            group.answers[insert.idempotency.key] = insert.render(outcome)
        return outcome

    def _judges_like(self, batch: Batch) -> bool:
        table = self._dictionary.tables.get(batch.table.name)
        return table is not None and table.fingerprint == batch.table.fingerprint

    def _decide(self, insert: Insert, kept: KeptRows) -> Outcome:
        own, ids = KeyIndex(self._dictionary, base=self._group.keys), self._group.ids.layer()
        verdicts = []
        for batch in insert.batches:
            sound = with_ids(without_erased(batch, self._erased), own, ids)
            verdicts.append(admit_again(sound, own, kept, insert.on_conflict))
        refused = insert.strict and any(verdict.rejected for verdict in verdicts)
        if insert.dry_run:
            tried = first_ids(insert.replay, verdicts[0]) if insert.replay else {}
            return Outcome(None, verdicts, refused, tried)
        if not refused:
            self._group.keys.absorb(own)
            self._group.ids.absorb(ids)
        return self._group.take(insert, verdicts, refused)


def _resolves(insert: Insert) -> bool:
    return insert.on_conflict != OF_REQUESTS
