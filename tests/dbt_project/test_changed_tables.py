"""Builds by a dictionary that has changed: live rows stay, whatever form their table gets."""

import duckdb
import pytest

from service.engines.duckdb import Database
from tests.support import LOADS
from tests.support.projects import Project

pytestmark = pytest.mark.slow
KEY = """
- name: id
  data_type: {key}
  description: Number.
  constraints: [{{type: primary_key}}]
  data_tests: [not_null, unique]
"""
THINGS = (
    KEY.format(key="integer")
    + """
- {name: name, data_type: varchar, description: Name.}
- {name: size, data_type: smallint, description: Size., data_tests: [not_null]}
- {name: price, data_type: 'decimal(5,2)', description: Price.}
- {name: note, data_type: varchar, description: Whatever.}
"""
)
ARTICLES = (
    KEY.format(key="bigint")
    + """
- {name: title, data_type: varchar, description: Name., config: {meta: {renamed_from: name}}}
- {name: size, data_type: integer, description: Size., data_tests: [not_null]}
- {name: price, data_type: 'decimal(4,1)', description: Price.}
- name: color
  data_type: varchar
  description: Color.
  data_tests: [not_null]
  config: {meta: {default: red}}
"""
)
LINES = "id,name,size,price,note\n1,One,5,1.50,\n2,Two,6,2.25,keep\n3,Three,,1,\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("base"))
    project.leave_out_tables()
    project.model("things", THINGS)
    project.model("parts", KEY.format(key="integer"))
    project.model("others", KEY.format(key="integer"))
    project.write("things", LINES)
    project.write("parts", "id\n1\n2\n")
    project.build()
    with duckdb.connect(str(project.settings.warehouse)) as connection:  # as the service would
        connection.execute("insert into core.things values (9, 'Live', 7, 3, 'gone')")
        connection.execute(
            f"insert into {LOADS} values ('live', 'things', 'batch', null, 'done', 1, 1, 0, 0,"
            " now(), now(), null, null)"
        )
    return project


@pytest.fixture(scope="module")
def changed(base: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All of it changes: a table is renamed, another removed, and columns in every way."""
    project = base.copied(tmp_path_factory.mktemp("changed") / "project")
    project.leave_out_tables()
    project.model("articles", ARTICLES, renamed_from="things")
    project.model("others", KEY.format(key="integer"))
    lines = (line.rsplit(",", 1)[0] for line in LINES.splitlines())
    project.write("articles", "\n".join(lines) + "\n")  # note is gone, name is named as it was
    return project


def state(project: Project) -> list[object]:
    """The tables, their rows, and the dictionary that they are of."""
    with duckdb.connect(str(project.settings.warehouse)) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'core' order by 1"
        ).fetchall()
        rows = [
            connection.execute(f"from core.{name} order by id").fetchall() for (name,) in tables
        ]
        saved = connection.execute("select content from ops.dictionary").fetchall()
    return [tables, rows, saved]


def test_what_would_be_lost_is_named_and_refused_and_nothing_is_done(changed: Project) -> None:
    before = state(changed)
    build = changed.build_fails()
    assert state(changed) == before
    assert build.message
    for told in (
        "articles.price narrowed (decimal(5,2) before, decimal(4,1) now):"
        " 1 value is not of the type decimal(4,1): correct them first",
        "articles.note dropped: 2 values would be lost",
        "parts removed: 2 rows would be lost",
        "HINT: --allow drop:articles.note --allow drop:parts",
    ):
        assert told in build.message, build.message
    changed.build_fails(allowed=["drop:articles.note", "drop:parts"])
    assert state(changed) == before, "a value that does not fit is never lost"


def test_a_run_of_some_tables_leaves_them_as_they_are(changed: Project) -> None:
    before = state(changed)
    build = changed.build_fails("articles")
    assert "build all tables, and not some" in str(build.message)
    assert state(changed) == before


def test_rows_stay_in_the_form_that_is_new(changed: Project) -> None:
    changed.change("articles", "decimal(4,1)", "decimal(6,3)")
    changed.build(allowed=["drop:articles.note", "drop:parts"])
    query = changed.query
    assert query(
        "select id, title, size, price::varchar, color from core.articles order by id"
    ) == [
        (1, "One", 5, "1.500", "red"),
        (2, "Two", 6, "2.250", "red"),
        (9, "Live", 7, "3.000", "red"),
    ]
    columns = "select column_name, data_type from duckdb_columns() where table_name = 'articles'"
    columns += " and schema_name = 'core'"
    assert dict(query(columns)) == {
        "id": "BIGINT",
        "title": "VARCHAR",
        "size": "INTEGER",
        "price": "DECIMAL(6,3)",
        "color": "VARCHAR",
    }
    with pytest.raises(duckdb.ConstraintException):
        query("insert into core.articles (id) values (9)")
    database = Database(changed.settings.warehouse)
    dictionary = database.dictionary()
    database.close()
    assert {*dictionary.tables} == {"articles", "others"}


def test_what_is_on_record_of_a_table_is_of_its_name_of_now(changed: Project) -> None:
    books = ("loads", "rejections", "landed", "history")
    named = {
        book: {name for (name,) in changed.query(f"select distinct table_name from ops.{book}")}
        for book in books
    }
    assert named == {
        "loads": {"articles", "parts"},
        "rejections": {"articles"},
        "landed": {"articles"},
        "history": {"articles"},
    }
    assert changed.last_load("articles") == (3, 0, 1, 2), "its history is as it was"
    assert changed.failing("articles") == set()
    kinds = changed.query(
        "select distinct kind, lost from ops.alterations where lost > 0 order by 1"
    )
    assert kinds == [("column dropped", 2), ("table removed", 2)]


def test_the_next_build_has_nothing_to_change(changed: Project) -> None:
    before = state(changed)
    changed.build()
    assert state(changed) == before
    assert changed.failing("articles") == set()
