"""What an engine has to bring stands in one file, and what only DuckDB knows in its own folder."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MACROS = ROOT / "dbt_project" / "macros"
ENGINES = MACROS / "engines"
DISPATCH, DUCKDB, SPARK = (ENGINES / name for name in ("_dispatch.sql", "duckdb", "spark"))
OF_DBT = {  # dbt dispatches them
    "get_catalog_results_sql",
    "get_create_view_as_sql",
    "get_table_columns_and_constraints",
    "get_where_subquery",
    "persist_docs",
}
OF_DBT_FOR_SPARK = {"get_empty_schema_sql", "get_where_subquery", "persist_docs"}

# Where another engine writes something else, or knows no such thing.
ONLY_DUCKDB = re.compile(
    r"""
    insert\ or\ replace | on\ conflict | create\ (or\ replace\ )?(temporary\ )?table
    | add\ column | using\ compression | primary\ key\ \( | create\ schema
    | \b(to_json|json_extract\w*|struct_pack|list(_(filter|sort|transform))?|unnest|concat_ws)\(
    | \b(md5|uuid|timezone|now)\(
    | \b(glob|read_(blob|csv|json|parquet)|duckdb_\w+|regexp_\w+|isfinite|split_part|row\()\(
    | try_cast | ::\w | is\ (not\ )?distinct\ from | \bas\ (varchar|json)\b | \btimestamp\ '
    | \blambda\b | := | information_schema | store_relation | \bqualify\b | \bexclude\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
PATH = re.compile(r"[\w/.-]*\w\.(?:py|sql|yml|toml|md)\b")


def macros(file: Path, form: str) -> set[str]:
    """The names that a form finds in a file, outside of comments."""
    return set(re.findall(form, COMMENT.sub("", file.read_text())))


def test_each_macro_that_is_dispatched_is_brought_and_none_has_a_default() -> None:
    dispatched = macros(DISPATCH, r"adapter\.dispatch\('(\w+)'\)")
    assert dispatched == macros(DISPATCH, r"\{% macro (\w+)\(")
    for folder, of_dbt in ((DUCKDB, OF_DBT), (SPARK, OF_DBT_FOR_SPARK)):
        form = rf"\{{% macro {folder.name}__(\w+)\("
        brought = set().union(*(macros(file, form) for file in folder.glob("*.sql")))
        assert brought == dispatched | of_dbt
    for file in MACROS.rglob("*.sql"):
        assert not macros(file, r"macro (default__\w+)"), file
        assert file == DISPATCH or not macros(file, r"adapter\.dispatch"), file


def test_each_macro_that_is_dispatched_says_what_it_must_answer() -> None:
    text = DISPATCH.read_text()
    for name in macros(DISPATCH, r"\{% macro (\w+)\("):
        assert re.search(rf"-#\}}\n\{{% macro {name}\(", text), name


def test_sql_that_only_duckdb_knows_stands_in_its_own_folder() -> None:
    for file in MACROS.rglob("*.sql"):
        if file.parent not in (DUCKDB, SPARK):
            found = ONLY_DUCKDB.search(COMMENT.sub("", file.read_text()))
            assert not found, (file.name, found[0])
    assert all(ONLY_DUCKDB.search(file.read_text()) for file in DUCKDB.glob("*.sql"))


def test_files_that_comments_name_are_there() -> None:
    files = [*(ROOT / "dbt_project").rglob("*.sql"), *(ROOT / "dbt_project").rglob("*.yml")]
    for file in (*files, ROOT / "dbt_project.yml", ROOT / "profiles.yml"):
        for comment in re.findall(r"\{#.*?#\}|--[^\n]*|#[^\n]*", file.read_text(), re.DOTALL):
            for name in PATH.findall(comment):
                folders = (ROOT, ROOT / "dbt_project", MACROS, file.parent)
                assert any((folder / name).exists() for folder in folders), (file, name)
