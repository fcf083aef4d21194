"""The history in seeds/, whose faults its generator counts."""

from collections import Counter
from pathlib import Path

import duckdb

from seeds import generate
from service.runtime.settings import Settings


def test_the_rules_find_the_faults_that_the_generator_has_put_in(
    built: Settings, tmp_path: Path
) -> None:
    summary = generate.write_seeds(tmp_path)
    with duckdb.connect(str(built.warehouse), read_only=True) as warehouse:
        loads = warehouse.execute(
            "select received, accepted, rejected, already_present from ops.loads"
            " where table_name = 'hired_employees'"
        ).fetchall()
        violations = warehouse.execute(
            "select violations ->> '$[0].rule', violations ->> '$[0].column',"
            " json_array_length(violations) from ops.rejections"
        ).fetchall()
    counts = (summary.accepted, summary.rejected, summary.already_present)
    assert loads == [(summary.received, *counts)]
    assert Counter((rule, column) for rule, column, _ in violations) == summary.violations
    assert {number for *_, number in violations} == {1}, "one fault a row"


def test_the_files_in_seeds_are_what_the_generator_writes(tmp_path: Path) -> None:
    generate.write_seeds(tmp_path)
    for file in tmp_path.iterdir():
        shipped = Path(generate.__file__).with_name(file.name)
        assert file.read_bytes() == shipped.read_bytes()
