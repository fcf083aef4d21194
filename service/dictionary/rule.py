"""A rule of the dictionary: what it is of, of which rows it is asked, and what it says."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.rules import KINDS, NEED_OTHER_ROWS

# As the macro cannot_be_evaluated() of dbt_project/macros/history/line_rules.sql.
CANNOT_BE_EVALUATED = "; it cannot be evaluated for this row"


@dataclass(frozen=True)
class SqlRule:
    """What a build has compiled of a rule that Python does not know, or not for its column's type.

    `predicate` is true, or null, of a row that fits; None until a build has compiled it. Of a kind
    of one's own there are `message` and `words`; Python knows those of the others.
    """

    predicate: str | None
    message: str | None = None
    words: str | None = None


@dataclass(frozen=True)
class Rule:
    """One rule of one column, or of the row; ``args`` are those of its data test in the dictionary.

    It is only asked of rows of which `where`, a predicate, is true. What `warns` keeps no row out.
    """

    kind: str
    column: str | None  # None: of the row as a whole
    args: dict[str, Any] = field(default_factory=dict)
    where: str | None = None
    warns: bool = False
    sql: SqlRule | None = None  # None: Python judges it

    @property
    def needs_other_rows(self) -> bool:
        """Whether the writer must judge it, since the answer depends on what is in the tables."""
        return self.kind in NEED_OTHER_ROWS

    def breaks(self, read: pa.Array, written: pa.Array) -> pa.Array:
        """Booleans: which of the column's values break the rule. Where there is none, only
        ``not_null`` does. Of a rule that has no `sql`, and whether or not it is asked of the row.

        `read` has the column's Arrow type; `written` is text, as it was sent, and only looked at
        by rules that judge the writing; else it may be `read` itself.
        """
        broken = KINDS[self.kind].breaks(self.args, read, written)
        if self.kind == "not_null" or read.null_count == 0:
            return broken
        broken = pc.and_kleene(broken, pc.is_valid(read))
        return pc.fill_null(broken, False) if broken.null_count else broken

    def message(self, value: Any = None, is_judged: bool = True) -> str:
        """Why `value` is kept out, for people; `is_judged` where the rule could be evaluated."""
        more = self._where if is_judged else self._where + CANNOT_BE_EVALUATED
        if self.sql and self.sql.message is not None:
            return self.sql.message + more
        return KINDS[self.kind].message(self.column or "", self.args, value) + more

    @property
    def words(self) -> str:
        """What it demands of a value, with its arguments: "at most 255 characters"."""
        if self.sql and self.sql.words is not None:
            return self.sql.words + self._where
        return KINDS[self.kind].says(self.args) + self._where

    @property
    def _where(self) -> str:
        return f" (where {self.where})" if self.where else ""

    @property
    def by_itself(self) -> bool:
        """Whether its verdict on a value is that on the row: Python knows it of the value alone."""
        return not (self.sql or self.where or self.warns)

    @property
    def meta(self) -> dict[str, Any]:
        """msgspec.Meta arguments that say the same: msgspec judges them while decoding."""
        return KINDS[self.kind].meta(self.args) if self.by_itself else {}

    @property
    def judges_writing(self) -> bool:
        """Whether it looks at the text as it was sent."""
        return self.sql is None and KINDS[self.kind].judges_writing

    @property
    def judged_by_decoding(self) -> bool:
        """Whether a struct that msgspec has decoded is known to fit."""
        return self.by_itself and KINDS[self.kind].judged_by_decoding

    def described(self) -> dict[str, Any]:
        """The rule as the dictionary page shows it: ``{rule, …arguments}``."""
        said: dict[str, Any] = {"rule": self.kind, **self.args}
        if self.where:
            said["where"] = self.where
        return said | {"severity": "warn"} if self.warns else said
