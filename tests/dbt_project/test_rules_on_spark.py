"""What the macros for Spark make of predicates and regular expressions, and what they refuse."""

import pytest

from tests.support.macros import macros_of

QUOTING = {
    "text_literal": macros_of("engines/spark/values.sql")["spark__text_literal"],
    "adapter": type("Adapter", (), {"quote": staticmethod(lambda name: f"`{name}`")}),
}
MACROS = macros_of("engines/spark/forms.sql", "engines/spark/predicates.sql", **QUOTING)


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("a = 'it''s'", "a = 'it\\'s'"),
        ("a = 'x\\y'", "a = 'x\\\\y'"),
        ('"a b" > 1', "`a b` > 1"),
        ("`a` <> '' -- it's one", "`a` <> '' -- it's one"),
        ("a > 1 /* it's */ and b", "a > 1 /* it's */ and b"),
        ("a = '\"' or b = '--'", "a = '\"' or b = '--'"),
    ],
)
def test_texts_and_names_of_a_predicate_are_written_as_spark_has_them(
    said: str, there: str
) -> None:
    assert MACROS["spark__in_dialect"](said) == there


@pytest.mark.parametrize(
    ("said", "strange"),
    [
        ("a > 1 and (b is null or not (c = 'lower(x)'))", None),
        ("coalesce(a, 1) % 7 <> 0 and length(b) / 2 > 1 -- dayofweek(d)", None),
        ("a in (1, 2) and b between date '2021-01-01' and d", None),
        ("a like 'x%' and cast(b as decimal(5,2)) > 1.5", None),
        ("dayofweek(d) = 0", "dayofweek()"),
        ("LOG (a) > 1", "log()"),
        ("lower(a) = a", "lower()"),
        ("a::bigint > 1", "::"),
        ("a = uuid '1'", "uuid ''"),
        ("a < time '10:00:00'", "time ''"),
        ("a ^ 2 = 4", "^"),
        ("a // 2 = 4", "//"),
        ("a % b = 0", "% by what may be 0"),
        ("a / 0.0 > 1", "/ by what may be 0"),
        ("a like 'x\\_'", "like '\\'"),
        ("a ilike 'x'", "ilike"),
        ("d < current_date", "current_date"),
        ("a[1] = 2", "["),
    ],
)
def test_what_both_engines_may_read_otherwise_in_a_predicate_is_found(
    said: str, strange: str | None
) -> None:
    assert MACROS["strange_in_predicate"](said) == strange


@pytest.mark.parametrize(
    ("form", "strange"),
    [
        ("[A-Z]{2}-[0-9]+|(?i)ab*?|\\x{1F600}", None),
        ("(?=a)b", "(?="),
        ("a++", "++"),
        ("[^\\S]", "\\S"),
        ("a\\Z", "\\Z"),
        ("(a)\\1", "\\1"),
        ("\\h", "\\h"),
        ("(?m)^a$", "(?m)"),
        ("(?i)\\pL", "\\pL"),
        ("(?i)[a-ž]", "-"),
        ("[[:nothing:]]", "[:nothing:]"),
    ],
)
def test_a_form_that_java_reads_otherwise_than_re2_is_found(form: str, strange: str | None) -> None:
    assert MACROS["java_form"](form)["strange"] == strange


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            {"kind": "accepted_values", "type": "json"},
            "Spark cannot tell which documents are the same",
        ),
        (
            {"kind": "matches", "args": {"regex": "a++"}},
            "Spark reads ++ of a regex otherwise, or not at all",
        ),
        (
            {"kind": "own", "predicate": "a > 1", "where": "log(a) > 1"},
            "Spark reads log() otherwise than DuckDB, or not at all: log(a) > 1",
        ),
        ({"kind": "own", "predicate": "a > 1", "where": None}, None),
    ],
)
def test_a_rule_that_spark_would_judge_otherwise_has_a_problem(
    rule: dict[str, object], problem: str | None
) -> None:
    assert MACROS["spark__problem_of_rule"](rule) == problem
