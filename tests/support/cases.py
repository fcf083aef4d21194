"""What each type reads and what each rule breaks, once for every judge.

`test_one_verdict.py` asks the SQL of macros/, the request's judge and the rules' Arrow masks.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from service.dictionary.type_names import TIMESTAMPTZ

NOTHING = None  # it cannot be read
UUID_1 = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


class Reading(NamedTuple):
    """How a text is read as a type."""

    type: str
    text: str
    value: Any


class Ruling(NamedTuple):
    """Whether a text, written in a column of a type, breaks a rule."""

    kind: str
    args: dict[str, Any]
    type: str
    text: str
    broken: bool


def utc(moment: str) -> datetime:
    """A moment in UTC as the warehouse keeps it: without a time zone."""
    return datetime.fromisoformat(moment)


READINGS = [
    Reading("integer", "8", 8),
    Reading("integer", "-8", -8),
    Reading("integer", "8.0", 8),
    Reading("integer", "8.00", 8),
    Reading("integer", "007", 7),
    Reading("integer", "-0", 0),
    Reading("integer", "2147483647", 2_147_483_647),
    Reading("integer", "2147483648", NOTHING),
    Reading("integer", "-2147483648", -2_147_483_648),
    Reading("integer", "-2147483649", NOTHING),
    Reading("integer", "12.5", NOTHING),
    Reading("integer", "8.", NOTHING),
    Reading("integer", "+8", NOTHING),
    Reading("integer", "1e3", NOTHING),
    Reading("integer", "0x10", NOTHING),
    Reading("integer", "1_000", NOTHING),
    Reading("integer", " 8", NOTHING),
    Reading("integer", "8\n", NOTHING),
    Reading("integer", "٣", NOTHING),
    Reading("integer", "true", NOTHING),
    Reading("integer", "9" * 5_000, NOTHING),
    Reading("integer", "0" * 5_000 + "8", 8),
    Reading("bigint", "9223372036854775807", 9_223_372_036_854_775_807),
    Reading("bigint", "9223372036854775808", NOTHING),
    Reading("bigint", "-9223372036854775808", -9_223_372_036_854_775_808),
    Reading("bigint", "-9223372036854775809", NOTHING),
    Reading("bigint", "9007199254740993.0", 9_007_199_254_740_993),  # no double can be this
    Reading("bigint", "1e3", NOTHING),
    Reading("double", "8", 8.0),
    Reading("double", "-0.5", -0.5),
    Reading("double", "1e3", 1_000.0),
    Reading("double", "1E-3", 0.001),
    Reading("double", "0.1", 0.1),
    Reading("double", "5e-324", 5e-324),
    Reading("double", "1e-400", 0.0),
    Reading("double", "1e309", NOTHING),
    Reading("double", "9" * 400, NOTHING),
    Reading("double", ".5", NOTHING),
    Reading("double", "5.", NOTHING),
    Reading("double", "NaN", NOTHING),
    Reading("double", "inf", NOTHING),
    Reading("double", "-Infinity", NOTHING),
    Reading("double", "0x10", NOTHING),
    Reading("double", "1,5", NOTHING),
    Reading("boolean", "true", True),
    Reading("boolean", "False", False),
    Reading("boolean", "TRUE", True),
    Reading("boolean", "t", NOTHING),
    Reading("boolean", "1", NOTHING),
    Reading("boolean", "yes", NOTHING),
    Reading("boolean", "falſe", NOTHING),  # its lower case is not ASCII's
    Reading("boolean", " true", NOTHING),
    Reading("date", "2020-02-29", date(2020, 2, 29)),
    Reading("date", "2021-02-29", NOTHING),
    Reading("date", "1900-02-29", NOTHING),
    Reading("date", "2000-02-29", date(2000, 2, 29)),
    Reading("date", "0001-01-01", date(1, 1, 1)),
    Reading("date", "0000-12-31", NOTHING),
    Reading("date", "9999-12-31", date(9999, 12, 31)),
    Reading("date", "10000-01-01", NOTHING),
    Reading("date", "2021-13-01", NOTHING),
    Reading("date", "2021-1-1", NOTHING),
    Reading("date", "2021/01/01", NOTHING),
    Reading("date", "20210101", NOTHING),
    Reading("date", "2021-W01-1", NOTHING),
    Reading("date", "2021-01-01 BC", NOTHING),
    Reading("date", "2021-01-01T00:00:00Z", NOTHING),
    Reading("date", "infinity", NOTHING),
    Reading("date", "epoch", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08Z", utc("2021-07-27T16:02:08")),
    Reading("timestamp", "2021-07-27 16:02:08", utc("2021-07-27T16:02:08")),
    Reading("timestamp", "2021-07-27T16:02:08+02:00", utc("2021-07-27T14:02:08")),
    Reading("timestamp", "2021-07-27T16:02:08-03:30", utc("2021-07-27T19:32:08")),
    Reading("timestamp", "2021-07-27T16:02:08.5Z", utc("2021-07-27T16:02:08.500000")),
    Reading("timestamp", "2021-07-27T16:02:08.123456Z", utc("2021-07-27T16:02:08.123456")),
    Reading("timestamp", "2021-07-27T16:02:08.1234567Z", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08.1234560Z", utc("2021-07-27T16:02:08.123456")),
    Reading("timestamp", f"2021-07-27T16:02:08.5{'0' * 99}z", utc("2021-07-27T16:02:08.500000")),
    Reading("timestamp", f"2021-07-27T16:02:08.{'0' * 99}1Z", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08.Z", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08,5Z", NOTHING),
    Reading("timestamp", "2021-07-27t16:02:08z", utc("2021-07-27T16:02:08")),
    Reading("timestamp", "2021-07-27T16:02:08z", utc("2021-07-27T16:02:08")),
    Reading("timestamp", "2021-07-27t16:02:08Z", utc("2021-07-27T16:02:08")),
    Reading("timestamp", "2021-07-27t16:02:08.25+02:00", utc("2021-07-27T14:02:08.250000")),
    Reading("timestamp", "2021-07-27t16:02:08", utc("2021-07-27T16:02:08")),
    Reading("timestamp", "2021-07-27T16:02:08-00:00", utc("2021-07-27T16:02:08")),
    Reading("timestamp", "0001-01-01t00:00:00z", utc("0001-01-01T00:00:00")),
    Reading("timestamp", "9999-12-31t23:59:59.999999000z", utc("9999-12-31T23:59:59.999999")),
    Reading("timestamp", "2021-02-30t08:15:00z", NOTHING),
    Reading("timestamp", "2016-12-31T23:59:60Z", NOTHING),
    Reading("timestamp", "20210727T160208Z", NOTHING),
    Reading("timestamp", "2021-W30-2T16:02:08Z", NOTHING),
    Reading("timestamp", "2021-208T16:02:08Z", NOTHING),
    Reading("timestamp", "2021-07-27T24:00:00Z", NOTHING),
    Reading("timestamp", "2021-07-27T23:59:60Z", NOTHING),
    Reading("timestamp", "2021-07-27T16:02Z", NOTHING),
    Reading("timestamp", "2021-07-27", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08 Z", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08+02", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08+0200", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08+24:00", NOTHING),
    Reading("timestamp", "2021-07-27T16:02:08Europe/Berlin", NOTHING),
    Reading("timestamp", "2021-02-30T08:15:00Z", NOTHING),
    Reading("timestamp", "0001-01-01T00:00:00Z", utc("0001-01-01T00:00:00")),
    Reading("timestamp", "0001-01-01T00:00:00+00:01", NOTHING),  # it is the year 0 in UTC
    Reading("timestamp", "0000-12-31T23:59:59-01:00", NOTHING),  # it is the year 1 in UTC
    Reading("timestamp", "9999-12-31T23:59:59.999999Z", utc("9999-12-31T23:59:59.999999")),
    Reading("timestamp", "9999-12-31T23:59:59-00:01", NOTHING),
    Reading("timestamp", "1636253322", NOTHING),
    Reading("timestamp", "infinity", NOTHING),
    *(Reading("smallint", *each) for each in (("32767", 32767), ("-32768.0", -32768))),
    *(Reading("smallint", text, NOTHING) for text in ("32768", "-32769", "1e2", "0.5")),
    *(Reading("tinyint", *each) for each in (("127", 127), ("-128", -128), ("007", 7))),
    *(Reading("tinyint", text, NOTHING) for text in ("128", "-129", "1.5", "٣")),
    *(
        Reading("decimal(10,2)", text, Decimal(value))
        for text, value in (
            *(("1", "1"), ("1.5", "1.50"), ("1.50", "1.50"), ("1.500", "1.50"), ("-0", "0")),
            *(("007.10", "7.1"), ("99999999.99", "99999999.99"), ("-99999999.99", "-99999999.99")),
            *((f"1.2{'0' * 99}", "1.2"), (f"{'0' * 99}1.2", "1.2"), ("0.01", "0.01")),
        )
    ),
    *(
        Reading("decimal(10,2)", text, NOTHING)
        for text in (
            *("1.005", "0.001", "100000000", "-100000000.00", "99999999.995", f"1.{'0' * 99}1"),
            *(
                "1e2",
                "1.",
                ".5",
                "+1",
                "1,5",
                " 1",
                "1\n",
                "NaN",
                "Infinity",
                "0x1",
                "1_0",
                "٣",
                "",
            ),
        )
    ),
    Reading("decimal(3,3)", "0.125", Decimal("0.125")),
    Reading("decimal(3,3)", "-0.5", Decimal("-0.500")),
    Reading("decimal(3,3)", "1", NOTHING),
    Reading("decimal(3,3)", "0.1234", NOTHING),
    Reading("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
    Reading("decimal(38,0)", f"-{'9' * 38}.00", Decimal(f"-{'9' * 38}")),
    Reading("decimal(38,0)", "1" + "0" * 38, NOTHING),
    Reading("decimal(38,0)", "0.5", NOTHING),
    Reading("decimal(38,37)", f"9.{'9' * 37}", Decimal(f"9.{'9' * 37}")),
    Reading("decimal(38,37)", "10", NOTHING),
    Reading("decimal(38,37)", f"9.{'9' * 38}", NOTHING),
    Reading("decimal(38,37)", f"1.5{'0' * 60}", Decimal("1.5")),
    *(Reading("uuid", text, UUID_1) for text in (UUID_1, UUID_1.upper(), UUID_1[:9] + UUID_1[9:])),
    *(
        Reading("uuid", text, NOTHING)
        for text in (
            *(f"{{{UUID_1}}}", f"urn:uuid:{UUID_1}", UUID_1.replace("-", ""), UUID_1[:-1]),
            *(f" {UUID_1}", f"{UUID_1}\n", UUID_1.replace("6", "g"), UUID_1.replace("6", "６")),
        )
    ),
    *(
        Reading("time", text, time.fromisoformat(value))
        for text, value in (
            *(("16:02:08", "16:02:08"), ("00:00:00", "00:00:00"), ("23:59:59", "23:59:59")),
            *(("23:59:59.999999", "23:59:59.999999"), ("12:00:00.500", "12:00:00.500000")),
            (f"12:00:00.1{'0' * 99}", "12:00:00.100000"),
        )
    ),
    *(
        Reading("time", text, NOTHING)
        for text in (
            *("24:00:00", "12:60:00", "12:00:60", "12:00", "1:00:00", "120000", "12:00:00Z"),
            *("12:00:00+01:00", "12:00:00.1234567", "12:00:00.", " 12:00:00", "12:00:00\n", "noon"),
        )
    ),
    *(
        Reading(TIMESTAMPTZ, text, utc(value).replace(tzinfo=UTC))
        for text, value in (
            ("2021-07-27T16:02:08Z", "2021-07-27T16:02:08"),
            ("2021-07-27t16:02:08.5z", "2021-07-27T16:02:08.500000"),
            ("2021-07-27 16:02:08+02:00", "2021-07-27T14:02:08"),
            ("2021-07-27T16:02:08.123456-03:30", "2021-07-27T19:32:08.123456"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        )
    ),
    *(
        Reading(TIMESTAMPTZ, text, NOTHING)
        for text in (
            *("2021-07-27T16:02:08", "2021-07-27 16:02:08", "2021-02-30T08:15:00Z", "2021-07-27"),
            *("2021-07-27T16:02:08+24:00", "2021-07-27T16:02:08+02", "0001-01-01T00:00:00+00:01"),
            *("9999-12-31T23:59:59-00:01", "2021-07-27T16:02:08.1234567Z", "infinity"),
        )
    ),
    *(
        Reading("json", text, value)
        for text, value in (
            ('{"b": 1, "a": [1.0, 1e400, -0]}', '{"a":[1.0,1e400,-0],"b":1}'),
            ('"\\u00e9\\/"', '"é/"'),
            (" true ", "true"),
            ("1" * 400, "1" * 400),
            ('{"a": {"c": null, "b": "\\u0000"}}', '{"a":{"b":"\\u0000","c":null}}'),
            ("[" * 61 + "]" * 61, "[" * 61 + "]" * 61),
        )
    ),
    *(
        Reading("json", text, NOTHING)
        for text in (
            *("null", " null ", "NaN", "[1,]", "{'a': 1}", '{"a": 1, "a": 2}', "", "abc", "01"),
            *(
                '"\\ud800"',
                '"a\nb"',
                "[" * 62 + "]" * 62,
                "[" * 9000,
                "1.",
                '{"a": -Infinity}',
                "\ufeff1",
            ),
        )
    ),
    Reading("varchar", "any\ntext, of 👍", "any\ntext, of 👍"),
    Reading("varchar", " ", " "),
    Reading("varchar", "\x00", NOTHING),
    Reading("varchar", "Ann\x00a", NOTHING),
    Reading("varchar", "\x01\x1a\x7f", "\x01\x1a\x7f"),
    Reading("varchar", "NULL", "NULL"),
]

COLOURS = {"values": ["red", "it's", "grün, hell"]}
GRADES = {"values": [1, 2, 8], "quote": False}
RULINGS = [
    *(
        Ruling("not_blank", {}, "varchar", mark * 3, True)
        for mark in (
            *(
                " ",
                "\t",
                "\n",
                "\r",
                "\x0b",
                "\x1c",
                "\x85",
                "\xa0",
                "\u2003",
                "\u3000",
            ),  # white space
            *("\x01", "\x1b", "\x7f", "\x9b"),  # controls
            *("\u200b", "\u200d", "\u2060", "\ufeff", "\xad", "\u034f"),  # zero-width, soft hyphen
            *("\u200e", "\u200f", "\u061c", "\u202e", "\u2066", "\u2069"),  # directions
            *("\ufe0f", "\ufe00", "\U000e0100", "\u180b"),  # variation selectors
            *("\u115f", "\u1160", "\u3164", "\uffa0", "\u17b4", "\u2800"),  # fillers, blanks
            *("\u2061", "\ufff9", "\U0001d159", "\U0001d173", "\U000e0041"),  # other marks
        )
    ),
    Ruling("not_blank", {}, "varchar", " \u200b\ufe0f\u3164\x1b\n\u2003", True),
    *(
        Ruling("not_blank", {}, "varchar", text, False)
        for text in (
            *("a", " a ", "0", "-", "~", "\u200ba", "a\ufeff", "\n\na", "\ufe0f☎", "👩\u200d🚀"),
            *("é", "e\u0301", "\u0301", "日", "\u2801", "\u0600", "\ufffd", "\ue000", "\U0010ffff"),
        )
    ),
    Ruling("min_length", {"length": 2}, "varchar", "aa", False),
    Ruling("min_length", {"length": 2}, "varchar", "👍", True),
    Ruling("min_length", {"length": 2}, "varchar", "e\u0301", False),  # 2 code points
    Ruling("matches", {"regex": "[A-Z]{2}-[0-9]+"}, "varchar", "AB-7", False),
    Ruling("matches", {"regex": "[A-Z]{2}-[0-9]+"}, "varchar", "AB-7\n", True),
    Ruling("matches", {"regex": "[A-Z]{2}-[0-9]+"}, "varchar", "xAB-7", True),
    Ruling("matches", {"regex": "a|ab"}, "varchar", "ab", False),
    Ruling("matches", {"regex": "(?i)straße'?"}, "varchar", "STRAßE'", False),
    Ruling("matches", {"regex": ".."}, "varchar", "👍ü", False),
    Ruling("matches", {"regex": "..."}, "varchar", "a\nb", True),
    Ruling("matches", {"regex": "\\d+"}, "varchar", "٣", True),
    Ruling("in_range", {"min": "2021-07-27"}, "date", "2021-07-26", True),
    Ruling("in_range", {"min": "2021-07-27"}, "date", "2021-07-27", False),
    Ruling("in_range", {"min": "2021-07-27", "inclusive": False}, "date", "2021-07-27", True),
    Ruling("in_range", {"max": 1.5, "inclusive": False}, "double", "1.5", True),
    Ruling("in_range", {"max": 1.5, "inclusive": False}, "double", "1.4", False),
    Ruling("in_range", {"max": "2021-07-27T16:00:00Z"}, "timestamp", "2021-07-27T16:00:00Z", False),
    Ruling(
        *("in_range", {"max": "2021-07-27T16:00:00Z"}, "timestamp"),
        *("2021-07-27T17:00:00.000001+01:00", True),
    ),
    Ruling("accepted_values", {"values": ["2021-07-27"]}, "date", "2021-07-27", False),
    Ruling("accepted_values", {"values": ["2021-07-27"]}, "date", "2021-07-28", True),
    Ruling("accepted_values", {"values": [0.5, 2]}, "double", "2.0", False),
    Ruling("accepted_values", {"values": [0.5, 2]}, "double", "0.25", True),
    Ruling("accepted_values", {"values": [True]}, "boolean", "TRUE", False),
    Ruling("accepted_values", {"values": [True]}, "boolean", "false", True),
    Ruling("not_in_future", {}, "date", "2021-07-27", False),
    Ruling("not_in_future", {}, "date", "9021-07-27", True),
    Ruling("not_in_future", {}, "timestamp", "2021-07-27T16:00:00Z", False),
    Ruling("not_in_future", {}, "timestamp", "9021-07-27T16:00:00Z", True),
    Ruling("max_length", {"length": 5}, "varchar", "aaaaa", False),
    Ruling("max_length", {"length": 5}, "varchar", "aaaaaa", True),
    Ruling("max_length", {"length": 5}, "varchar", "👍👍👍👍👍", False),
    Ruling("max_length", {"length": 5}, "varchar", "e\u0301e\u0301e\u0301", True),  # 6 code points
    Ruling("max_length", {"length": 5}, "varchar", "      ", True),
    Ruling("in_range", {"min": 1}, "integer", "1", False),
    Ruling("in_range", {"min": 1}, "integer", "0", True),
    Ruling("in_range", {"min": 1}, "integer", "-1.0", True),
    Ruling("in_range", {"min": -2, "max": 2}, "integer", "-2", False),
    Ruling("in_range", {"min": -2, "max": 2}, "integer", "3", True),
    Ruling("in_range", {"max": 9_223_372_036_854_775_806}, "bigint", "9223372036854775807", True),
    Ruling("in_range", {"max": 9_223_372_036_854_775_806}, "bigint", "9223372036854775806", False),
    Ruling("in_range", {"min": 0, "max": 0.1}, "double", "0.1", False),
    Ruling("in_range", {"min": 0, "max": 0.1}, "double", "0.10000000000000002", True),
    Ruling("in_range", {"min": 0, "max": 0.1}, "double", "-5e-324", True),
    Ruling("in_range", {"min": 0, "max": 0.1}, "double", "-0.0", False),
    Ruling("in_range", {"max": 1e30}, "double", "1.1e30", True),
    *(Ruling("accepted_values", COLOURS, "varchar", each, False) for each in COLOURS["values"]),
    Ruling("accepted_values", COLOURS, "varchar", "Red", True),
    Ruling("accepted_values", COLOURS, "varchar", "red ", True),
    Ruling("accepted_values", COLOURS, "varchar", "it''s", True),
    Ruling("accepted_values", GRADES, "integer", "8", False),
    Ruling("accepted_values", GRADES, "integer", "8.0", False),
    Ruling("accepted_values", GRADES, "bigint", "02", False),
    Ruling("accepted_values", GRADES, "integer", "3", True),
    Ruling("utc_datetime", {}, "timestamp", "2021-07-27T16:02:08.123Z", False),
    Ruling("utc_datetime", {}, "timestamp", "2021-07-27 16:02:08Z", True),
    Ruling("utc_datetime", {}, "timestamp", "2021-07-27T16:02:08", True),
    *(
        Ruling("utc_datetime", {}, "timestamp", f"2021-07-27{mark}16:02:08{rest}{offset}", False)
        for mark in "Tt"
        for rest in ("", ".1", ".123456", ".120000000")
        for offset in ("Z", "z", "+00:00", "-00:00")
    ),
    *(
        Ruling("utc_datetime", {}, "timestamp", f"2021-07-27{mark}16:02:08{offset}", True)
        for mark, offset in (
            *((" ", "+00:00"), (" ", ""), ("T", "+00:01"), ("t", "-00:01")),
            *(("t", ""), ("t", "+14:00"), ("T", "-12:00")),
        )
    ),
    Ruling("utc_datetime", {}, "timestamp", "2021-07-27T16:02:08+02:00", True),
    # What cannot be read is for the type to say, and for no rule.
    Ruling("in_range", {"min": 1}, "integer", "none", False),
    Ruling("accepted_values", GRADES, "integer", "2.5", False),
    Ruling("utc_datetime", {}, "timestamp", "2021-02-30T08:15:00", False),
]
