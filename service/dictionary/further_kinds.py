"""More kinds of rules: the form and length of texts, time, and rules of the row as a whole."""

import pyarrow.compute as pc

from service.dictionary.rule_arguments import (
    TEXT,
    characters,
    lacks_expression,
    lacks_length,
    lacks_regex,
    whole_of,
)
from service.dictionary.rule_kind import Kind, never
from service.dictionary.rule_masks import in_future, scalar
from service.dictionary.rule_words import Words

FURTHER_KINDS: dict[str, Kind] = {
    "min_length": Kind(
        says=lambda args: f"at least {characters(args)}",
        message=lambda column, args, value: f"{column} is shorter than {characters(args)}",
        breaks=lambda args, read, written: pc.less(pc.utf8_length(read), scalar(args["length"])),
        meta=lambda args: {"min_length": args["length"]},
        judged_by_decoding=True,
        arguments=frozenset({"length"}),
        lacks=lacks_length,
        types=TEXT,
        words=Words(
            fault="too short",
            demands="A text has at least `length` characters (Unicode code points, not bytes).",
            remedy="Send the whole text, or lower `length`.",
            column="code",
            type_name="varchar",
            args={"length": 4},
            arguments={"length": "the number of characters, a whole number"},
            breaks='{"id": 1, "code": "ABC"}',
            fits='{"id": 1, "code": "ABCD"}',
        ),
    ),
    "matches": Kind(
        says=lambda args: f"of the form {args['regex']}",
        message=lambda column, args, value: f"{column} is not of the form {args['regex']}",
        breaks=lambda args, read, written: pc.invert(
            pc.match_substring_regex(read, whole_of(args["regex"]))
        ),
        meta=lambda args: {"extra_json_schema": {"pattern": f"^(?:{args['regex']})$"}},
        arguments=frozenset({"regex"}),
        lacks=lacks_regex,
        types=TEXT,
        words=Words(
            fault="of another form",
            demands="The whole text is of a form, which a regular expression of RE2 says: it has no"
            " look-around and no back references, and takes no longer than the text is long.",
            remedy="Write the text in that form, or correct the expression.",
            column="code",
            type_name="varchar",
            args={"regex": "[A-Z]{2}-[0-9]+"},
            arguments={"regex": "the expression; it stands for the text from end to end"},
            breaks='{"id": 1, "code": "ab-7"}',
            fits='{"id": 1, "code": "AB-7"}',
        ),
    ),
    "not_in_future": Kind(
        says=lambda args: "not in the future",
        message=lambda column, args, value: f"{column} is in the future",
        breaks=in_future,
        types=frozenset({"date", "timestamp", "timestamp with time zone"}),
        words=Words(
            fault="in the future",
            demands="A timestamp is not after the moment at which it is judged; a date is not after"
            " that day, in UTC. What is in the table was judged when it came.",
            remedy="Correct the time, or send the row when it has come.",
            column="hired_at",
            type_name="timestamp",
            breaks='{"id": 1, "hired_at": "9021-07-27T16:02:08Z"}',
            fits='{"id": 1, "hired_at": "2021-07-27T16:02:08Z"}',
        ),
    ),
    "expression_is_true": Kind(
        says=lambda args: f"{args['expression']}",
        message=lambda column, args, value: (
            f"it is not true that {column}{' ' if column else ''}{args['expression']}"
        ),
        arguments=frozenset({"expression"}),
        lacks=lacks_expression,
        quick=never,
        of_rows=True,
        words=Words(
            fault="an expression that is not true",
            demands="An expression in SQL is true of the row, or null. It sees the row alone. On a"
            " column it begins with the column: `expression: '> 0'`. The name and the argument are"
            " dbt_utils'. A `description` of the test is what is told of a row that breaks it.",
            remedy="Correct the values that the expression looks at.",
            column=None,
            type_name="date",
            args={"expression": "ended_on >= begun_on"},
            arguments={"expression": "the expression, in the SQL of DuckDB"},
            others={"begun_on": "date", "ended_on": "date"},
            breaks='{"id": 1, "begun_on": "2021-07-27", "ended_on": "2021-07-26"}',
            fits='{"id": 1, "begun_on": "2021-07-27", "ended_on": "2021-07-28"}',
        ),
    ),
}
