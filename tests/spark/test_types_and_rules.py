"""Every type and every kind of rule on Spark and on DuckDB: the same rows, rejections, warnings.

Two builds on Spark serve nearly all these tests: of history alone, and of what a gate has shipped
since. A model there takes many statements, so there are three tables, each with many lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from service.dbt.runner import dictionary_of, parse
from service.dictionary import Table
from service.dictionary.rule_arguments import whole_of
from service.runtime.locations import Location
from tests.support import gate_tables, ruled_tables
from tests.support.dealer import Dealer, Line, as_csv
from tests.support.macros import macros_of
from tests.support.projects import Project
from tests.support.services import serving
from tests.support.spark import SparkProcess, said
from tests.support.typed_rows import TYPED, as_json, typed_rows
from tests.support.typed_rows import as_csv as typed_csv

# A build there takes a minute; on a machine that does much else, ten.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TABLES = ("typed", "ruled", "exact")
COUNTS = "kind, status, received, accepted, rejected, already_present, lines, record_lines"
BOOKS = {
    "rejections": "rejection_id, position, payload, violations, status, raw",
    "warnings": "position, row_key, warnings",
    "loads": f"{COUNTS}, defaulted, normalised",
}
# All models, and of the data tests those of predicates and regexes: others are plain comparisons.
MODELS = ("--indirect-selection", "empty", "--select", "resource_type:seed", "resource_type:model")
TESTS = ("test_name:expression_is_true", "test_name:matches", "test_name:no_multiple_of")
# What Spark's SQL has no word for, in words of both.
PORTABLE = (
    ("ruled", "* 250000::bigint <", "* cast(250000 as bigint) <"),
    ("exact", "uuid '123e", "'123e"),
    ("exact", "< time '", "< '"),
)
FURTHER = """
- name: tag
  data_type: varchar(12)
  description: Normalised, and unique.
  data_tests: [unique, not_blank]
  config: {meta: {normalise: [trim, collapse, upper, nfc]}}
- name: amount
  data_type: decimal(2,2)
  description: With a default.
  data_tests: [not_null]
  config: {meta: {default: "0.5"}}
- name: doc
  data_type: json
  description: With a default, too.
  config: {meta: {default: '{"b": 1.0, "a": "it''s"}'}}
- name: spot
  data_type: timestamp with time zone
  description: Unique.
  data_tests: [unique]
- name: owner
  data_type: integer
  description: A reference.
  data_tests: [{relationships: {arguments: {to: ref('ruled'), field: id}}}]
"""

SAID_FORMS = r"""
[A-Z]{2}-[0-9]+ (?i)stra(ß|ss)e (?i)[^k-s]+ (?i)[is]* [[:alpha:]_]+ [[:^digit:]]+ \pL+\pN?
\p{Greek}+ \p{^Lu}* a$|a\n \bx\b.? x\B. \s+ [\s\d]* \S\W? [^\w\s]+ [a&&b]+ []a]+ [^]a]+ [[a]+
x{|x{1,2}? (?P<n_1>a)+ \Qa.b'\E? \101+ \v|\x{e9} (?s)a.b a.b it's
"""
SAID_TEXTS = """
AB-12 Straße STRASSE straẞe ſs \u212a i I ı İ abc_ a1 é αβγ a x xé x_ é! !? && ab ]a b
[a x{ xx aa a.b a.b' A it's ٣ ǅ 日本
"""
SAID_EXPRESSIONS = """
abs(-2); ceil(1.2); floor(-1.2); cast(sign(-3) as int); coalesce(null, 7); nullif(1, 1); 7 % 2
greatest(1, null, 3); least('b', 'a'); isnan(cast('NaN' as double)); md5('ü'); length('aüb'); -7 % 2
left('aüb', 2); right('aüb', 2); substr('aüb', 2); substring('aüb', 2, 1); replace('aab', 'a', 'x')
instr('aüb', 'b'); 7 / 2
"""
PARTS = ("year", "quarter", "month", "day", "hour", "minute", "second")
FORMS = SAID_FORMS.split()
WHITE_TEXTS = """|a\n|x | \t| \t\v|\v| 12|a\nb|a\rb|\u2028"""
TEXTS = [*SAID_TEXTS.split(), *WHITE_TEXTS.split("|")]
EXPRESSIONS = [
    *SAID_EXPRESSIONS.strip().replace("\n", "; ").split("; "),
    *(f"{part}(timestamp '2021-12-31 23:59:58')" for part in PARTS),
]


def further_fields(random: Random, number: int, owners: Sequence[str]) -> Line:
    """Fields for FURTHER, some of which do not fit."""
    hour = random.choice(["16:02:08+02:00", "14:02:08Z", "14:02:08.50Z", "14:02:08.5-00:00"])
    return [
        random.choice(
            ["", f" Zu\u0308rich \t{number}", f"zürich {number // 2}", "\u2003", "x" * 13]
        ),
        random.choice(["", ".5", "0.25", "-0.125", "1", "0.99"]),
        random.choice(["", '{"b": 1, "a": [1.0, 1e2]}', "[", "null", '"ü\\u00fc"', "{}"]),
        random.choice(["", f"2021-07-{number % 28 + 1:02}T{hour}"]),
        random.choice(["", random.choice(owners), "-5"]),
    ]


def dealt(table: Table, random: Random) -> list[Line]:
    """Lines of a history, sound ones first."""
    there = Dealer(table, random, [], {}, 1_000).sound(20)
    return [*there, *Dealer(table, random, there, {}, 1_000).deal(200)]


class Both:
    """One project, built on DuckDB and on Spark."""

    def __init__(self, folder: Path, spark: SparkProcess) -> None:
        self.project, self.spark, self.lake = Project(folder), spark, folder / "lake"
        self.project.leave_out_tables()
        ruled_tables.add_to(self.project)
        for name in ("everything", "cities"):
            self.project.remove(name)
        self.project.model("typed", TYPED)
        self.project.model("exact", ruled_tables.EXACT + FURTHER.lstrip("\n"), parents="ruled")
        gate_tables.add_to(self.project)
        for change in PORTABLE:
            self.project.change(*change)
        self._deal()
        self.here = self.project.build()

    def _deal(self) -> None:
        dictionary, random = dictionary_of(parse(self.project.settings)), Random(2021)
        ruled, exact = (dictionary.tables[name] for name in ("ruled", "exact"))
        lines = dealt(ruled, random)
        owners = [line[0] for line in lines]
        self.project.write("ruled", as_csv(ruled.column_names, lines, random))
        short = replace(exact, columns=exact.columns[:-5])
        lines = [
            line + further_fields(random, number, owners)
            for number, line in enumerate(dealt(short, random))
        ]
        self.project.write("exact", as_csv(exact.column_names, lines, random))
        self.project.write("typed", typed_csv(typed_rows()))

    def build(self, *what: str, allowed: Sequence[str] = ()) -> Mapping[str, str]:
        """Builds on Spark; the statuses of the nodes."""
        result = self.spark.build(said(self.project.settings, self.lake), *what, allowed=allowed)
        assert result["status"] == "done", result["message"]
        nodes: Mapping[str, str] = result["nodes"]
        return nodes

    def refused(self, *select: str) -> str:
        """What `dbt build` says on Spark that is refused; it has built nothing."""
        nodes = self.spark.dbt(self.project.settings, "build", *(select or MODELS))["nodes"]
        assert {status for status, _ in nodes.values()} <= {"error", "skipped"}
        ((_, said), *_) = [node for node in nodes.values() if node[0] == "error"]
        lines = [line.strip() for line in said.splitlines()[1:]]
        return "\n".join(line for line in lines if line and not line.startswith(">"))

    def is_equal(self, name: str, columns: str = "", where: str = "true") -> int:
        """Asserts that both have the same rows of a table; how many."""
        types = dict(row[:2] for row in self.project.query(f"describe {name}"))
        asked = [_value(each, types[each]) for each in columns.split(", ") if each] or [
            _value(each, kind) for each, kind in types.items()
        ]
        query = f"select {{}} from {name} where {where}"
        here = self.project.query(query.format(", ".join(here for here, _ in asked)))
        there = self.spark.rows(query.format(", ".join(there for _, there in asked)))
        texts = [tuple(None if each is None else str(each) for each in row) for row in here]
        assert {*texts} ^ {*there} == set()
        assert len(texts) == len(there)
        return len(texts)


def _value(name: str, kind: str) -> tuple[str, str]:
    """A column in the words of DuckDB and of Spark, as a text or a number of Python's."""
    if kind == "DOUBLE" or kind.startswith("DECIMAL"):
        return f'"{name}"', f"`{name}`"
    has_zone = kind == "TIMESTAMP WITH TIME ZONE"
    here = f"timezone('UTC', \"{name}\")" if has_zone else f'"{name}"'
    return f"cast({here} as varchar)", f"cast(`{name}` as string)"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, spark: SparkProcess) -> Both:
    return Both(tmp_path_factory.mktemp("types"), spark)


@pytest.fixture(scope="module")
def history(both: Both) -> Mapping[str, str]:
    """The first build: of history alone."""
    return both.build(*MODELS, *TESTS)


@pytest.mark.parametrize("table", TABLES)
def test_rows_rejections_and_warnings_of_history_are_those_of_duckdb(
    both: Both, history: Mapping[str, str], table: str
) -> None:
    assert both.is_equal(f"core.{table}")
    found = {
        book: both.is_equal(f"ops.{book}", columns, f"table_name = '{table}'")
        for book, columns in BOOKS.items()
    }
    assert found["rejections"]
    assert bool(found["warnings"]) == (table != "typed")


def test_rows_of_which_a_predicate_cannot_be_evaluated_are_among_them(
    both: Both, history: Mapping[str, str]
) -> None:
    for book, column in (("rejections", "violations"), ("warnings", "warnings")):
        query = f"select count(*) from ops.{book} where {column} like '%cannot be evaluated%'"
        assert int(str(both.spark.rows(query)[0][0])) > 5


def test_data_tests_say_the_same(both: Both, history: Mapping[str, str]) -> None:
    here = {node.name: node.status for node in both.here.nodes}
    tests = {name: status for name, status in history.items() if status in ("pass", "warn", "fail")}
    assert tests == {name: here[name] for name in tests}
    assert {*tests.values()} == {"pass", "warn"}


def test_regular_expressions_match_what_they_match_by_re2(
    both: Both, history: Mapping[str, str]
) -> None:
    rlike, literal = (
        macros_of(f"engines/spark/{file}.sql")[f"spark__{name}"]
        for file, name in (("forms", "full_match"), ("values", "text_literal"))
    )
    columns = ", ".join(rlike("text", form) for form in FORMS)
    values = ", ".join(literal(text) for text in TEXTS)
    found = both.spark.rows(f"select {columns} from (select explode(array({values})) as text)")
    matched = [
        pc.match_substring_regex(pa.array(TEXTS), whole_of(form)).to_pylist() for form in FORMS
    ]
    assert all(any(row) for row in matched)
    there = zip(*found, strict=True)
    for form, expected, by_spark in zip(FORMS, matched, there, strict=True):
        here = map(str, expected)
        differs = {t for t, one, other in zip(TEXTS, here, by_spark, strict=True) if one != other}
        assert (form, differs) == (form, set())


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_functions_that_predicates_may_have_say_the_same(
    both: Both, history: Mapping[str, str], expression: str
) -> None:
    ((here,),) = both.project.query(f"select cast({expression} as varchar)")
    assert both.spark.rows(f"select cast({expression} as string)") == [(here,)]


@pytest.fixture(scope="module")
def live(both: Both, history: Mapping[str, str]) -> Both:
    """Built again, of a gate that has shipped a snapshot of it all, and what it did behind that."""
    own = msgspec.structs.replace(both.project.settings, lake=Location(both.lake))
    with serving(own) as client:
        _done(client.post("/v1/lake/ship"), 200)
        change_rows(client)
        _done(client.post("/v1/lake/ship"), 200)
    assert {*both.build(*MODELS).values()} == {"success"}
    return both


def change_rows(client: httpx.Client) -> None:
    """Values of every type in every spelling, in rows that come, change, are rejected and go."""
    typed = [row._replace(id=row.id + 100_000) for row in typed_rows()]
    sent = [line for row in typed if (line := as_json(row))]
    body = f"[{','.join(sent)}]".encode()
    headers = {"Content-Type": "application/json"}
    _done(client.post("/v1/tables/typed/rows", content=body, headers=headers), 207)
    _done(client.post("/v1/tables/exact/rows", json=[*exact_rows()]), 207)
    row = "/v1/tables/exact/rows/00000000-0000-0000-0000-00000000000{}"
    changed = {"clock": "01:02:03.50", "doc": {"z": 1.50, "a": []}, "price": "7.2", "level": -8}
    _done(client.patch(row.format(1), json=changed), 200)
    _done(client.patch(row.format(3), json={"spot": "2022-01-01T00:00:00.1-02:30"}), 200)
    _done(client.delete(row.format(5)), 200)
    gate_tables.live(client)


def exact_rows() -> Iterator[dict[str, object]]:
    """Rows that fit, and as many that do not."""
    for number in range(1, 9):
        yield {
            "id": f"00000000-0000-0000-0000-00000000000{number}".upper(),
            "level": 8 if number % 2 else 7,
            "size": -2,
            "price": "12.50",
            "number": f"{number}.01",
            "clock": "12:00:00.120",
            "moment": "2021-07-27T16:02:08.5+02:00",
            "tag": f" new\u00a0 {number} ",
            "spot": f"2021-08-0{number}T16:02:08+02:00",
            "doc": {"b": number, "a": "ü"},
        }


def _done(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("table", [*TABLES, "staff", "stock"])
def test_live_rows_and_their_rejections_are_those_of_the_gate(live: Both, table: str) -> None:
    assert live.is_equal(f"core.{table}")
    of_table = f"table_name = '{table}'"
    assert live.is_equal("ops.rejections", "rejection_id, payload, violations, status", of_table)
    assert live.is_equal("ops.loads", f"load_id, {COUNTS}", of_table)


def test_rows_that_came_live_are_among_them(live: Both) -> None:
    for table, least in (("typed", 50), ("exact", 3)):
        query = f"select count(*) from core.{table} where _sequence > 1"
        assert int(str(live.spark.rows(query)[0][0])) >= least
    assert not live.spark.rows("select 1 from core.exact where id like '%-000000000005'")


def test_what_is_renamed_stays_and_what_is_gone_goes_only_where_that_is_allowed(live: Both) -> None:
    (live.project.seeds / "exact.csv").unlink()  # its header would be refused before
    page = live.project.core / "exact.yml"
    before, _, spot = page.read_text().partition("      - name: spot\n")
    page.write_text(before + "      - name: owner\n" + spot.partition("- name: owner\n")[2])
    for name in ("staff", "stock"):
        live.project.remove(name)
    renamed = "- name: amount\n  config: {meta: {renamed_from: level}}"
    goods = gate_tables.STOCK.replace("- name: level", renamed).replace("ref('stock", "ref('goods")
    live.project.model("goods", goods, renamed_from="stock")
    kept = live.spark.rows("select code, level, _load_id from core.stock order by code")
    (values,) = live.spark.rows("select count(spot) from core.exact")
    column, table = f"exact.spot dropped: {values[0]} values", "staff removed: 5 rows"
    lost = " would be lost"
    assert live.refused("--select", "exact") == f"{column}{lost}\nHINT: --allow drop:exact.spot"
    assert live.refused() == (
        f"{column}{lost}\n{table}{lost}\nHINT: --allow drop:exact.spot --allow drop:staff"
    )
    assert live.spark.rows("select count(spot) from core.exact") == [values]
    live.build(*MODELS, allowed=["drop:exact.spot", "drop:staff"])
    columns = [row[0] for row in live.spark.rows("describe table core.exact")]
    assert "spot" not in columns
    assert "owner" in columns
    there = {row[1] for row in live.spark.rows("show tables in core") if row[0]}
    assert there == {model.stem for model in live.project.core.glob("*.sql")}
    assert live.spark.rows("select code, amount, _load_id from core.goods order by code") == kept
    books = "select distinct table_name, status from ops.rejections where table_name in {}"
    assert live.spark.rows(books.format("('stock', 'goods')")) == [("goods", "open")]
    statuses = {status for _, status in live.spark.rows(books.format("('staff')"))}
    assert statuses == {"accepted", "dismissed"}


def test_a_predicate_that_spark_cannot_parse_or_evaluate_is_refused_before_anything_is_built(
    live: Both,
) -> None:
    before, place = "code is not null or day is null", "ruled: rule expression_is_true cannot be"
    for text, problem in (
        ("day is not or", f"{place} parsed by Spark: day is not or"),
        ("true) or (day is null", f"{place} parsed by Spark: true) or (day is null"),
        ("cast(day as double) > 0", f"{place} evaluated by Spark: "),
    ):
        live.project.change("ruled", before, text)
        before, told = text, live.refused("--select", "ruled")
        assert told.startswith(problem)
        assert told.endswith(f": {text}")
