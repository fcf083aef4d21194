"""The real history, whose outcome is known row by row; skipped where it is not there."""

import csv
from pathlib import Path

import pytest

from tests.support import CHECKOUT
from tests.support.projects import Project

pytestmark = pytest.mark.slow
DATA = CHECKOUT.parent / "shared" / "data"
OUTCOME = {
    "departments": (12, 12, 0, 0),
    "jobs": (183, 183, 0, 0),
    "hired_employees": (1999, 1929, 70, 0),
}


def expected(name: str) -> list[tuple[str, ...]]:
    """The rows of a file that says what must come out."""
    with (DATA / "challenge" / f"expected_{name}.csv").open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def as_text(rows: list[tuple[object, ...]]) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in rows]


@pytest.fixture(scope="module")
def project(challenge: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("real"))
    for name in OUTCOME:
        project.write(name, (challenge / f"{name}.csv").read_bytes())
    project.build(marts=True)
    return project


@pytest.mark.parametrize("table", OUTCOME)
def test_the_counts_of_the_real_history_are_right(project: Project, table: str) -> None:
    received, accepted, rejected, _ = OUTCOME[table]
    assert project.last_load(table) == OUTCOME[table]
    assert project.query(f"select count(*) from core.{table}") == [(accepted,)]
    assert len(project.rejections(table)) == rejected
    assert received == accepted + rejected


def test_the_rejected_rows_are_exactly_those_with_a_missing_field(project: Project) -> None:
    rejected = project.query(
        "select payload ->> 'id', violations ->> '$[0].column' from ops.rejections"
        " where violations ->> '$[0].rule' = 'not_null' and json_array_length(violations) = 1"
    )
    assert sorted(as_text(rejected)) == sorted(expected("rejected_rows"))


def test_both_reports_of_2021_are_those_that_were_asked_for(project: Project) -> None:
    by_quarter = project.query(
        "select department, job, q1, q2, q3, q4 from marts.hires_by_quarter"
        " where year = 2021 order by department, job"
    )
    above_mean = project.query(
        "select id, department, hired from marts.hires_by_department"
        " where year = 2021 and hired > mean order by hired desc, id"
    )
    assert as_text(by_quarter) == expected("hires_by_quarter_2021")
    assert as_text(above_mean) == expected("departments_above_mean_2021")


def test_building_again_changes_nothing(project: Project) -> None:
    before = project.books()
    project.build()
    assert project.books() == before


VARIANTS = (
    "bom_semicolon_crlf_blank_tail",
    "header_crlf_renamed_columns",
    "header_short_row",
    "pandas_float_ids",
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_history_in_another_shape_has_the_same_outcome(
    challenge: Path, tmp_path: Path, variant: str
) -> None:
    if not (DATA / "variants" / variant).exists():
        pytest.skip("the variants are not here")
    project = Project(tmp_path)
    for file in (DATA / "variants" / variant).glob("*.csv"):
        project.write(file.stem, file.read_bytes())
    project.build()
    assert {table: project.last_load(table) for table in OUTCOME} == OUTCOME
