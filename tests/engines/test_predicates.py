"""A predicate of the dictionary sees one row, and can do nothing else."""

import pyarrow as pa
import pytest

from service.engines.predicates import BadPredicate, checked
from service.engines.sandbox import PREPARED, PredicateFailed, Sandbox, sandbox
from service.errors import Unavailable

COLUMNS = {"a": "integer", "s": "varchar", "d": "date", "t": "timestamp", "End": "date"}
SOUND = {
    "a > 0": ("a",),
    'D <= "end" -- a comment': ("d", "End"),
    "s like 'x%' and a % 2 = 0 or s is null": ("a", "s"),
    "case when a in (1, 2) then true end": ("a",),
    "split_part(s, '-', 1) = 'x'": ("s",),
    "nullif(a, 1) is distinct from 2": ("a",),
    "list_transform([a, 1], lambda x: x + 1) = [1]": ("a",),
    "[x for x in [a] if x > 1] = []": ("a",),
    "try_cast(s as integer) between 1 and 5": ("s",),
    "extract(year from d) > 2000 and date_add(d, interval 1 day) > d": ("d",),
    "age(t, t) = interval 0 day": ("t",),
    "null": (),
}
REFUSED = {
    "": "says nothing",
    "a >": "cannot be parsed",
    "a > 0) from (select 1": "is more than one expression",
    "1 = 1; drop table x": "cannot be parsed",
    "a > 0) from read_csv('/etc/passwd') where (true": "is more than one expression",
    "true) as x, (true": "is more than one expression",
    "nope > 1": "looks at nope, which is no column",
    "core.a > 1": "a column has no parts",
    "current_date > d": "looks at current_date",
    "current_user = s": "looks at current_user",
    "a in (select 1)": "has a subquery",
    "exists (from x)": "has a subquery",
    "sum(a) > 1": "calls sum, which is no function of one row, but an aggregate",
    "count(*) > 1": "calls count_star",
    "row_number() over () = 1": "has a window",
    "columns('a') > 1": "has a star",
    "a = ?": "has a parameter",
    "now() > t": "calls now, which is not the same at all times",
    "ago(interval 1 day) > t": "calls ago, which",
    "age(t) > interval 1 day": "calls age, which is not the same at all times",
    "random() > a": "calls random, which",
    "uuid() = s": "calls uuid, which",
    "nextval('x') > 1": "calls nextval, which",
    "error(s) is null": "calls error, which",
    "sleep_ms(5) is null": "calls sleep_ms, which",
    "current_setting('threads') = s": "calls current_setting, which asks for more than its row",
    "getenv('HOME') = s": "calls getenv, which asks for more than its row",
    "read_text('/etc/passwd') = s": "calls read_text, which is no function of one row, but a table",
    "unnest([1]) = a": "calls unnest, which",
    "length(repeat(s, 1000000000)) > 1": "calls repeat, which makes as much as it is told to",
    "len(range(1000000000)) > a": "calls range, which makes as much as it is told to",
    "nosuch(a) = 1": "calls nosuch, which is no function",
    "a + 1": "is integer, and not true or false",
    "cast('x' as integer) = a": "cannot be evaluated",
    "regexp_full_match(s, '(')": "cannot be evaluated",
    "d * 2 > d": "cannot be evaluated",
}


@pytest.mark.parametrize("predicate", SOUND)
def test_the_columns_that_a_predicate_looks_at_are_found(predicate: str) -> None:
    assert checked(predicate, COLUMNS) == SOUND[predicate]


@pytest.mark.parametrize("predicate", REFUSED)
def test_what_is_no_predicate_over_one_row_is_refused_and_told_why(predicate: str) -> None:
    with pytest.raises(BadPredicate) as error:
        checked(predicate, COLUMNS)
    assert REFUSED[predicate] in str(error.value)


@pytest.mark.parametrize(
    "statement",
    [
        "from read_text('/etc/passwd')",
        "copy (select 1) to '/tmp/x'",
        "attach '/tmp/x.duckdb'",
        "install httpfs",
        "set enable_external_access = true",
        "set memory_limit = '1TB'",
    ],
)
def test_where_predicates_are_evaluated_nothing_else_can_be_done(statement: str) -> None:
    with pytest.raises(Exception, match=r"disabled|locked|not allowed|Permission|cannot"):
        sandbox().cursor.execute(statement)


def test_what_takes_too_long_is_interrupted_and_the_next_is_not() -> None:
    rows = pa.table({"a": pa.array(range(200_000), pa.int32())})
    own = Sandbox()
    slow = "(select count(*) from range(100000) as x(i), range(1000000) as y(i) where i = a) > 0"
    with pytest.raises(Unavailable, match="take too long"):
        own.evaluate([slow.replace("i = a", "x.i = y.i + a")], rows.slice(0, 1), seconds=0.01)
    assert own.evaluate(["a >= 0"], rows)[0].to_pylist() == [True] * 200_000


def test_one_that_fails_says_nothing_of_the_row() -> None:
    rows = pa.table({"s": ["1", "secret"]})
    with pytest.raises(PredicateFailed) as error:
        sandbox().evaluate(["cast(s as integer) > 0"], rows)
    assert "secret" not in str(error.value)


def test_of_rows_on_which_one_fails_the_others_are_answered_right() -> None:
    """Where try() over a chunk of many rows gives wrong answers: beside a failing one."""
    texts = [("1", "x", "-3", None, "7", "")[i * 7919 % 6] for i in range(3000)]
    rows = pa.table({"i": pa.array(range(3000), pa.int32()), "s": texts})
    asked = [
        "coalesce(cast(s as integer) > 0, cast(s as integer) is null)",
        "case when i % 2 = 0 then s::int > 0 end",
    ]
    found, halves = sandbox().evaluate_each(asked, rows)
    truth = [None if s in ("x", "") else s is None or int(s) > 0 for s in texts]
    assert found.to_pylist() == truth
    assert halves.to_pylist() == [
        None if i % 2 or texts[i] is None else answer for i, answer in enumerate(truth)
    ]


def test_a_thread_keeps_so_many_statements_compiled_and_no_more() -> None:
    own, rows = Sandbox(), pa.table({"a": pa.array([1, 2], pa.int32())})
    for _ in range(2):
        for i in range(PREPARED + 2):
            assert own.evaluate([f"a > {i}"], rows)[0].to_pylist() == [i < 1, i < 2]
    ((kept,),) = own.cursor.execute("select count(*) from duckdb_prepared_statements()").fetchall()
    assert kept <= PREPARED
