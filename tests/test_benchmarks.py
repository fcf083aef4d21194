"""The benchmarks run, and count what they send. How fast that is, is no test's business."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.support import CHECKOUT

NEEDS_A_COMPILER = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="the load generator is in C"
)


@NEEDS_A_COMPILER
@pytest.mark.slow
def test_a_tiny_run_finds_each_answer_as_expected_and_each_row_in_its_place(tmp_path):
    what = ["--only", "gatehouse", "--full", "--loads", "4x10", "--sizes", "500"]
    times = ["--rounds", "1", "--seconds", "1.5", "--warm-up", "0.1"]
    folders = ["--folder", tmp_path / "data", "--results", tmp_path / "results"]
    command = [sys.executable, "-m", "benchmarks.run", "insert", *what, *times, *folders]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "results").iterdir()
    (table,) = (table for table in json.loads(file.read_text())["tables"] if "figures" in table)
    good, *others = (runs[0] for runs in table["figures"].values())
    assert good["statuses"] == {"201": good["requests"]}
    assert good["accepted"] == 10 * good["requests"]
    assert [sorted(run["statuses"]) for run in others] == [["201", "207"], ["207"], ["201"]]
    assert all(run["rows_per_second"] > 0 and run["unexpected"] == 0 for run in [good, *others])
