"""The words of a violation for docs/rules.md: what is demanded, what breaks it, what mends it.

Those of a rule stand beside its kind, in rules.py; those of what is no rule of a column stand here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Words:
    """What docs/rules.md says of a kind of violation, with an example.

    The example is a table with the key `id` and one more column. Rows are written as they are sent:
    in JSON, but for those that only a CSV file can have.
    """

    fault: str  # a few words, after a column's name
    demands: str  # of a value, or of a row; sentences
    remedy: str  # what mends a row that breaks it
    column: str | None  # the example's; None: the rule is of the row
    type_name: str  # of the column
    others: Mapping[str, str] = field(default_factory=dict)  # columns of the example, with types
    args: Mapping[str, Any] = field(default_factory=dict)  # of the example's rule
    arguments: Mapping[str, str] = field(default_factory=dict)  # name: what it means
    breaks: str  # a row that breaks this and nothing else
    fits: str  # the same row, mended
    there: Mapping[str, str] = field(default_factory=dict)  # a row that each table has already


@dataclass(frozen=True)
class RowViolation:
    """A violation that is no rule of a column; `message` is what it says of the example."""

    message: str
    words: Words


ROW_VIOLATIONS: Mapping[str, RowViolation] = {
    "type": RowViolation(
        "grade is not a whole number of 32 bits",
        Words(
            fault="of another type",
            demands="A value can be read as its column's type, and a row is an object. What could"
            " not be read is not judged by the column's rules.",
            remedy="Send a value of the column's `data_type`, or leave it out where the column is"
            ' not `not_null`. In JSON a number is no text: 7, not "7".',
            column="grade",
            type_name="integer",
            breaks='{"id": 1, "grade": "seven"}',
            fits='{"id": 1, "grade": 7}',
        ),
    ),
    "unknown_field": RowViolation(
        "nmae is not a column of employees",
        Words(
            fault="not a column",
            demands="A row has no fields but the columns of its table; a line of CSV has no more"
            " fields than columns.",
            remedy="Correct the field's name, or leave the field out. In a line of CSV, put quotes"
            " around a value that contains the delimiter.",
            column="name",
            type_name="varchar",
            breaks='{"id": 1, "nmae": "Ada"}',
            fits='{"id": 1, "name": "Ada"}',
        ),
    ),
    "repeated_field": RowViolation(
        "name stands more than once in the row",
        Words(
            fault="more than once in a row",
            demands="A row has each field once, so that nobody has to guess which of two values"
            " is meant.",
            remedy="Leave out all but one of the fields of that name.",
            column="name",
            type_name="varchar",
            breaks='{"id": 1, "name": "Ada", "name": "Grace"}',
            fits='{"id": 1, "name": "Grace"}',
        ),
    ),
    "malformed_line": RowViolation(
        "the line cannot be read: a quote is not closed at the end of its field",
        Words(
            fault="a line that cannot be read",
            demands="A line of CSV can be read, and in one way: each quote that is opened is closed"
            " at the end of its field, no line within a quoted text would be a record by itself, no"
            " field is missing, and the line is of the file's encoding. In a batch of CSV it costs"
            " its row; a body of another format that cannot be read is refused as a whole.",
            remedy="Close the quote, and write each quote within a quoted field twice. Where quotes"
            " are text like any other, say so: `--quote none`.",
            column="name",
            type_name="varchar",
            breaks='1,"Ada "Countess" Lovelace"',
            fits='1,"Ada ""Countess"" Lovelace"',
        ),
    ),
}
