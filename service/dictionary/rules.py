"""The rule kinds, in Python. The SQL side is macros/dictionary/rules.sql.

Only there must a kind be: what has no `breaks` here for a column's type, and rules of one's own,
the service asks of DuckDB, by the predicate that a build has compiled (`SqlRule`). What is here is
quicker. Tests look for the row on which they differ. The words beside each kind become
docs/rules.md (see rules_page.py).

A rule judges a whole column at once, as Arrow arrays: the same definition serves a request's
rows and a backup's. It is never asked about a value that is missing or cannot be read: that is
``not_null``'s and ``type``'s to say.
"""

import pyarrow as pa
import pyarrow.compute as pc

from service.dictionary.blank import is_blank
from service.dictionary.column_types import KEY_KINDS
from service.dictionary.further_kinds import FURTHER_KINDS
from service.dictionary.rule_arguments import (
    NUMBERS,
    TEXT,
    WHOLE,
    bounds,
    characters,
    lacks_bounds,
    lacks_length,
    lacks_values,
    one_of,
    range_meta,
)
from service.dictionary.rule_kind import Kind, of_types
from service.dictionary.rule_masks import not_written_in_utc, out_of_range, scalar
from service.dictionary.rule_words import ROW_VIOLATIONS, Words
from service.dictionary.written_values import RFC3339_UTC
from service.errors import shortened

NEED_OTHER_ROWS = frozenset({"unique", "relationships"})
IN_UTC = "in UTC, written like 2021-07-27T16:02:08Z"


KINDS: dict[str, Kind] = {
    "not_null": Kind(
        says=lambda args: "a value is required",
        message=lambda column, args, value: f"{column} is missing",
        breaks=lambda args, read, written: pc.is_null(read),
        judged_by_decoding=True,
        words=Words(
            fault="missing",
            demands="A row has a value in the column: not null, and in CSV not an empty field.",
            remedy="Send a value. If rows without one are right, take the rule off the column.",
            column="name",
            type_name="varchar",
            breaks='{"id": 1, "name": null}',
            fits='{"id": 1, "name": "Ada"}',
        ),
    ),
    "not_blank": Kind(
        says=lambda args: "not blank",
        message=lambda column, args, value: f"{column} is blank",
        breaks=lambda args, read, written: is_blank(read),
        meta=lambda args: {"min_length": 1},
        types=TEXT,
        words=Words(
            fault="blank",
            demands="A text has at least one character that is seen: no white space, and none of"
            " those that only steer what is shown, as a zero-width space or a soft hyphen does.",
            remedy="Send a text that says something, or no value where the column may lack one.",
            column="name",
            type_name="varchar",
            breaks='{"id": 1, "name": "   "}',
            fits='{"id": 1, "name": "Ada"}',
        ),
    ),
    "max_length": Kind(
        says=lambda args: f"at most {characters(args)}",
        message=lambda column, args, value: f"{column} is longer than {characters(args)}",
        breaks=lambda args, read, written: pc.greater(pc.utf8_length(read), scalar(args["length"])),
        meta=lambda args: {"max_length": args["length"]},
        judged_by_decoding=True,
        arguments=frozenset({"length"}),
        lacks=lacks_length,
        types=TEXT,
        words=Words(
            fault="too long",
            demands="A text has at most `length` characters (Unicode code points, not bytes).",
            remedy="Shorten the text, or raise `length`.",
            column="code",
            type_name="varchar",
            args={"length": 4},
            arguments={"length": "the number of characters, a whole number"},
            breaks='{"id": 1, "code": "ABCDE"}',
            fits='{"id": 1, "code": "ABCD"}',
        ),
    ),
    "in_range": Kind(
        says=bounds,
        message=lambda column, args, value: f"{column} must be {bounds(args)}",
        breaks=out_of_range,
        meta=range_meta,
        judged_by_decoding=True,
        arguments=frozenset({"min", "max", "inclusive"}),
        lacks=lacks_bounds,
        unfit=TEXT | {"boolean", "uuid", "json"},
        quick=lambda type_name, args: type_name in NUMBERS and args.get("inclusive") is not False,
        words=Words(
            fault="out of range",
            demands="A value is not below `min` and not above `max`; the bounds themselves fit, but"
            " with `inclusive: false`. dbt_utils' `accepted_range`, with `min_value` and"
            " `max_value`, is the same.",
            remedy="Correct the value, or widen the range.",
            column="grade",
            type_name="integer",
            args={"min": 1, "max": 5},
            arguments={
                "min": "the least value that fits: a number, or a text that says a value of the"
                " column's type, as `'2021-07-27'`",
                "max": "the greatest value that fits; one of the two may be left out",
                "inclusive": "`false` where the bounds themselves do not fit",
            },
            breaks='{"id": 1, "grade": 7}',
            fits='{"id": 1, "grade": 5}',
        ),
    ),
    "accepted_values": Kind(
        says=one_of,
        message=lambda column, args, value: f"{column} must be {one_of(args)}",
        breaks=lambda args, read, written: pc.invert(
            pc.is_in(pc.cast(read, pa.string()), pa.array(map(str, args["values"]), pa.string()))
        ),
        meta=lambda args: {"extra_json_schema": {"enum": args["values"]}},
        arguments=frozenset({"values", "quote"}),
        lacks=lacks_values,
        quick=of_types(*TEXT | WHOLE),
        words=Words(
            fault="not an accepted value",
            demands="A value is one of a list; a text is written exactly so.",
            remedy="Send one of the values, or add the new one to the list.",
            column="shift",
            type_name="varchar",
            args={"values": ["day", "night"]},
            arguments={
                "values": "the list: numbers for a column of numbers (a decimal of more than 15"
                " digits as a text), true or false for one of truths, else texts, each of which"
                " says a value of the column's type",
                "quote": "as dbt's own test has it; it makes no difference here",
            },
            breaks='{"id": 1, "shift": "evening"}',
            fits='{"id": 1, "shift": "night"}',
        ),
    ),
    "utc_datetime": Kind(
        says=lambda args: IN_UTC,
        message=lambda column, args, value: f"{column} must be {IN_UTC}",
        breaks=not_written_in_utc,
        meta=lambda args: {
            "extra_json_schema": {"format": "date-time", "pattern": f"^{RFC3339_UTC}$"}
        },
        judged_by_decoding=True,  # ColumnType.form lets no other text pass unread
        judges_writing=True,
        types=frozenset({"timestamp"}),
        words=Words(
            fault="not in UTC",
            demands="A timestamp is written in UTC as RFC 3339 has it: date, `T`, time, and `Z` or"
            " `+00:00`; of a second there may be fractions, to the microsecond.",
            remedy="Convert the time to UTC, and write it with `T` and `Z`.",
            column="hired_at",
            type_name="timestamp",
            breaks='{"id": 1, "hired_at": "2021-07-27T11:02:08-05:00"}',
            fits='{"id": 1, "hired_at": "2021-07-27T16:02:08Z"}',
        ),
    ),
    "unique": Kind(
        says=lambda args: "different in every row",
        message=lambda column, args, value: f"{column} {shortened(value)} is taken by another row",
        types=KEY_KINDS,
        words=Words(
            fault="there twice",
            demands="No two rows have the same value. It belongs to the row that is in the table,"
            " else to the first row of the request or file that breaks no rule of another kind."
            " Of several columns together `unique_combination_of_columns` says it, on the model.",
            remedy="Send another value. To change the row that has this one is not an insert.",
            column="email",
            type_name="varchar",
            breaks='{"id": 2, "email": "ada@example.org"}',
            fits='{"id": 2, "email": "grace@example.org"}',
            there={"employees": '{"id": 1, "email": "ada@example.org"}'},
        ),
    ),
    "relationships": Kind(
        says=lambda args: f"the {args['field']} of a row in {args['parent']}",
        message=lambda column, args, value: (
            f"{args['parent']} has no row with {args['field']} {shortened(value)}"
        ),
        arguments=frozenset({"to", "field", "parent"}),
        types=KEY_KINDS,
        words=Words(
            fault="refers to no row",
            demands="A table, another or the same, has a row with the value: the row is referred to"
            " by it. Of several columns together `relationships_of_columns` says it, on the model.",
            remedy="Insert the row that is referred to first (or in the same request, which may"
            " bring rows of several tables), or correct the value; then replay the rejected row.",
            column="department_id",
            type_name="integer",
            args={"to": "ref('departments')", "field": "id"},
            arguments={
                "to": "the other table, as `ref('<table>')`",
                "field": "its column, which is `unique` and of the same type",
            },
            breaks='{"id": 1, "department_id": 99}',
            fits='{"id": 1, "department_id": 5}',
            there={"departments": '{"id": 5}'},
        ),
    ),
    **FURTHER_KINDS,
}


def fault_of(rule: str) -> str:
    """What is wrong with what breaks a rule, in a few words: to be read after a column's name.

    A rule that is no longer known, as an old rejection may have it, is told by its name.
    """
    known = KINDS.get(rule) or ROW_VIOLATIONS.get(rule)
    return known.words.fault if known else rule.replace("_", " ")
