"""Every judge of values, by one table of cases, and by texts that Hypothesis makes up."""

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import duckdb
import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.dictionary import Column, Rule, SqlRule, Table
from service.dictionary.blank import is_blank
from service.dictionary.column_types import TYPES, type_of
from service.dictionary.rules import KINDS
from service.dictionary.type_names import TIMESTAMPTZ
from service.dictionary.written_values import (
    AWARE_TIMESTAMP,
    DATE,
    TIME_OF_DAY,
    TIMESTAMP,
    UUID_FORM,
    Unreadable,
)
from service.engines.sql_functions import add_functions
from service.formats.bodies.body_rows import rows_of
from service.judge.judge import Judge
from service.judge.row_rules import RowRules
from tests.support.cases import READINGS, RULINGS, Ruling
from tests.support.projects import Project

RULES = {json.dumps(ruling[:3]): ruling for ruling in RULINGS}
# They have no value to judge alone.
KINDS_OF_SETS = {"unique", "relationships", "not_null", "expression_is_true"}
LENGTHS = [(kind, length) for kind in ("min_length", "max_length") for length in (1, 2, 2000)]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The macros' SQL as dbt writes it: by type, and by rule (kind, arguments, type)."""
    from dbt.cli.main import dbtRunner

    project = Project(tmp_path_factory.mktemp("compiled"))
    jinja = "{% set found = {} %}"
    for name in TEXTS:
        jinja += f"{{% do found.update({{'{name}': read_as('{name}', 'written', 'case')}}) %}}"
    for key, (kind, args, type_name, *_) in RULES.items():
        call = f"rule_{kind}('c', {args!r}, 'written', {type_name!r}).violated"
        jinja += f"{{% do found.update({{{key!r}: {call}}}) %}}"
    for kind, length in LENGTHS:
        call = f"rule_{kind}('c', {{'length': {length}}}).message"
        jinja += f"{{% do found.update({{'{kind} {length}': {call}}}) %}}"
    arguments = [
        *("compile", "--inline", jinja + "{{ tojson(found) }}"),
        *("--project-dir", str(project.folder), "--profiles-dir", str(project.folder)),
        *("--target-path", str(project.settings.target), "--log-path", str(project.folder)),
        *("--quiet", "--no-version-check"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        # Else it is the one that a test before has had dbt build, and which may be gone.
        patch.setenv("GATEHOUSE_WAREHOUSE", str(project.settings.warehouse))
        compiled: Any = dbtRunner().invoke(arguments)
    assert compiled.success, compiled.exception
    return json.loads(compiled.result.results[0].node.compiled_code)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        add_functions(connection)
        yield connection


Read = Callable[[str, Sequence[str]], list[Any]]


@pytest.fixture(scope="module")
def read_by_sql(compiled: Mapping[str, str], connection: duckdb.DuckDBPyConnection) -> Read:
    def read(type_name: str, texts: Sequence[str]) -> list[Any]:
        lines = pa.table({"i": range(len(texts)), "written": pa.array(texts, pa.string())})
        sql = f"select {compiled[type_name]} from lines order by i"
        found = [value for (value,) in connection.execute(sql).fetchall()]
        del lines
        return [str(value) if isinstance(value, UUID) else value for value in found]

    return read


def read_by_python(type_name: str, texts: Sequence[str]) -> list[Any]:
    """As a request's text is read, through Arrow to what DuckDB hands out again."""
    read: list[Any] = []
    for text in texts:
        try:
            read.append(type_of(type_name).from_text(text))
        except Unreadable:
            read.append(None)
    return type_of(type_name).array(read).to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("type_name", sorted({reading.type for reading in READINGS}))
def test_a_text_is_read_as_its_case_says_in_sql_and_in_python(
    type_name: str, read_by_sql: Read
) -> None:
    own = [reading for reading in READINGS if reading.type == type_name]
    expected = {reading.text: reading.value for reading in own}
    assert len(own) >= 4
    assert dict(zip(expected, read_by_sql(type_name, list(expected)), strict=True)) == expected
    assert dict(zip(expected, read_by_python(type_name, list(expected)), strict=True)) == expected


@pytest.mark.parametrize("key", RULES)
def test_a_rule_breaks_on_what_its_cases_say_in_sql_and_as_a_mask_and_in_a_request(
    key: str, compiled: Mapping[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    own = [ruling for ruling in RULINGS if json.dumps(ruling[:3]) == key]
    type_name = own[0].type
    expected = {ruling.text: ruling.broken for ruling in own}
    texts = list(expected)
    lines = pa.table({"i": range(len(texts)), "written": texts})
    by_sql = connection.execute(
        f"select c is not null and ({compiled[key]}) from"
        f" (select *, {compiled[type_name]} as c from lines) order by i"
    ).fetchall()
    del lines
    assert dict(zip(expected, (broken for (broken,) in by_sql), strict=True)) == expected
    read = TYPES[type_name].array(_read(type_name, texts))
    rule = _rule(own[0], compiled[key])
    found = _of_rows(type_name, rule, read, pa.array(texts, pa.string()))
    assert dict(zip(expected, found, strict=True)) == expected
    for sent in (_as_csv, _as_json):
        found = _judged(type_name, rule, sent(own))
        assert dict(zip(expected, found, strict=True)) == expected


@pytest.mark.parametrize(("kind", "length"), LENGTHS)
def test_a_length_is_said_alike_in_sql_and_in_python(
    kind: str, length: int, compiled: Mapping[str, str]
) -> None:
    rule = Rule(kind, "c", {"length": length})
    assert compiled[f"{kind} {length}"] == f"'{rule.message()}'"
    counted = "1 character" if length == 1 else f"{length} characters"
    assert rule.words.endswith(f" {counted}")
    assert rule.message().endswith(f" than {counted}")


def _rule(ruling: Ruling, violated: str) -> Rule:
    """As the dictionary has it: Python judges it where it knows the kind for that type."""
    known = KINDS[ruling.kind].is_quick(ruling.type, ruling.args)
    sql = None if known else SqlRule(f"not ({violated})")
    return Rule(ruling.kind, "c", ruling.args, sql=sql)


def _table(type_name: str, rule: Rule) -> Table:
    column = Column("c", TYPES[type_name], "", (rule,))
    return Table("t", "One row per case.", "c", (column,))


def _of_rows(type_name: str, rule: Rule, read: pa.Array, written: pa.Array) -> list[bool]:
    """Which of the values break a rule, as Arrow or DuckDB has it."""
    rules = RowRules(_table(type_name, rule), [rule])
    [found] = rules.broken(pa.table({"c": read}), lambda name: written)
    return found.rows.tolist()  # type: ignore[no-any-return]


def _read(type_name: str, texts: Sequence[str]) -> list[Any]:
    """Read values, as `ColumnType.array` takes them."""
    read: list[Any] = []
    for text in texts:
        try:
            read.append(TYPES[type_name].from_text(text))
        except Unreadable:
            read.append(None)
    return read


def _as_csv(own: Sequence[Ruling]) -> tuple[bytes, str]:
    lines = (f'"{ruling.text}"\n' for ruling in own)
    return ("c\n" + "".join(lines)).encode(), "text/csv"


def _as_json(own: Sequence[Ruling]) -> tuple[bytes, str]:
    values = [
        value if isinstance(value, int | float) else ruling.text
        for ruling, value in zip(own, _read(own[0].type, [r.text for r in own]), strict=True)
    ]
    return msgspec.json.encode([{"c": value} for value in values]), "application/json"


def _judged(type_name: str, rule: Rule, body: tuple[bytes, str]) -> list[bool]:
    """Which rows of a request break the rule."""
    batch = Judge(_table(type_name, rule)).judge(rows_of(*body))
    broken = {
        place: {violation.rule for violation in row.violations}
        for place, row in batch.broken.items()
    }
    return [rule.kind in broken.get(place, ()) for place in range(batch.received)]


def test_every_character_there_is_is_seen_or_not_by_sql_as_by_python(
    compiled: Mapping[str, str], connection: duckdb.DuckDBPyConnection
) -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    rule = compiled[json.dumps(("not_blank", {}, "varchar"))]
    lines = pa.table({"c": characters, "i": range(len(characters))})
    found = connection.execute(f"select {rule} from lines order by i").fetchnumpy()
    del lines
    unseen = {c for c, blank in zip(characters, *found.values(), strict=True) if blank}
    mask = is_blank(pa.array(characters)).to_numpy(zero_copy_only=False)
    assert unseen == {c for c, blank in zip(characters, mask, strict=True) if blank}
    # Signs of Arabic, Syriac and Kaithi are of category Cf, and are drawn.
    seen = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    steering = {c for c in characters if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Zs")}
    assert unseen >= steering.difference(seen)
    assert not unseen & {*seen, *filter(str.isalnum, characters)} - set("\u115f\u1160\u3164\uffa0")
    assert {unicodedata.category(c) for c in unseen - steering} == {"Mn", "Lo", "So", "Cn"}


def test_every_kind_of_rule_has_cases_of_both_verdicts() -> None:
    judged = {(ruling.kind, ruling.broken) for ruling in RULINGS}
    assert judged == {
        (kind, broken) for kind in set(KINDS) - KINDS_OF_SETS for broken in (True, False)
    }


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"not_null", "expression_is_true"}))
def test_no_rule_but_not_null_says_anything_of_a_value_that_is_missing(kind: str) -> None:
    args = {"length": 1, "min": 1, "values": ["a"], "parent": "t", "field": "id", "regex": "a"}
    type_name = min(KINDS[kind].types or {"integer" if kind == "in_range" else "varchar"})
    read = TYPES[type_name].array([None])
    written = pa.array([None], pa.string())
    assert Rule(kind, "c", args).breaks(read, written).to_pylist() == [False]
    assert Rule("not_null", "c").breaks(read, written).to_pylist() == [True]


NEARLY_NUMBERS = st.from_regex(
    r"[-+]?[0-9]{0,20}(\.[0-9]{0,20})?([eE][-+]?[0-9]{0,4})?", fullmatch=True
)
TWISTED = st.text(alphabet="0123456789-+.:eETZtz /_,xN\n\u0661\u2212\xa0\x00", max_size=30)
TEXTS = {
    "integer": NEARLY_NUMBERS | st.integers().map(str) | TWISTED,
    "bigint": NEARLY_NUMBERS | st.integers(-(2**70), 2**70).map(str) | TWISTED,
    "double": NEARLY_NUMBERS | st.floats().map(repr) | TWISTED,
    "boolean": st.text(alphabet="trueTRUEfalsFALS ſ10", max_size=6)
    | st.sampled_from(["true", "False"]),
    "date": st.from_regex(DATE, fullmatch=True) | st.dates().map(str) | TWISTED,
    "timestamp": st.from_regex(TIMESTAMP, fullmatch=True)
    | st.datetimes(timezones=st.timezones()).map(str)
    | st.from_regex(TIMESTAMP, fullmatch=True).map(str.swapcase)
    | st.tuples(st.datetimes().map(lambda each: each.isoformat()), TWISTED).map("".join)
    | TWISTED,
    "smallint": NEARLY_NUMBERS | st.integers(-(2**16), 2**16).map(str) | TWISTED,
    "tinyint": NEARLY_NUMBERS | st.integers(-300, 300).map(str) | TWISTED,
    **dict.fromkeys(
        ("decimal(10,2)", "decimal(3,3)", "decimal(38,0)", "decimal(38,37)"),
        NEARLY_NUMBERS | st.from_regex(r"-?0{0,3}[0-9]{1,39}(\.[0-9]{0,40})?0{0,3}") | TWISTED,
    ),
    "uuid": st.uuids().map(str)
    | st.from_regex(UUID_FORM, fullmatch=True)
    | st.uuids().map(lambda each: each.hex)
    | st.text(alphabet="0123456789abcdefABCDEF-{}", max_size=40),
    "time": st.from_regex(TIME_OF_DAY, fullmatch=True) | st.times().map(str) | TWISTED,
    TIMESTAMPTZ: st.from_regex(AWARE_TIMESTAMP, fullmatch=True)
    | st.datetimes(timezones=st.timezones()).map(str)
    | st.from_regex(TIMESTAMP, fullmatch=True).map(str.swapcase)
    | TWISTED,
    "json": st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ).map(json.dumps)
    | st.text(alphabet='{}[]":,.-+0123456789eEtrufalsn \\\n', max_size=20),
    "varchar": st.text() | st.text(alphabet="a\x00\x01 "),
}


@pytest.mark.parametrize("type_name", TEXTS)
def test_no_text_is_read_in_two_ways(type_name: str, read_by_sql: Read) -> None:
    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        derandomize="DOORS_SEED" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(TEXTS[type_name], min_size=1, max_size=60))
    def judge(texts: list[str]) -> None:
        by_sql, by_python = read_by_sql(type_name, texts), read_by_python(type_name, texts)
        differing = [
            each for each in zip(texts, by_sql, by_python, strict=True) if each[1] != each[2]
        ]
        assert not differing, "text, SQL, Python"

    judge()
