"""How a run goes: where its files are, and who runs which test. Fixtures are in tests/support."""

import gc
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.support")

from tests.support import CHECKOUT, chance, nursery, parsed  # noqa: E402
from tests.support.log_lines import log_plainly  # noqa: E402
from tests.support.memory_disk import keep_files_in_memory  # noqa: E402
from tests.support.rewriting import rewrite_share  # noqa: E402

sys.path.insert(0, str(CHECKOUT / "seeds"))
keep_files_in_memory(os.environ)
log_plainly()
pytest_plugins = [
    "tests.support.backups",
    "tests.support.browser",
    "tests.support.challenge",
    "tests.support.commands",
    "tests.support.door",
    "tests.support.odd_things",
    "tests.support.services",
    "tests.support.spark",
    "tests.support.stores",
    "tests.support.writers",
]

# They take the most, the longest first, but for two that need no build: they begin while one
# process builds for all others.
LONGEST = (
    "hostile/test_every_call.py",
    "hostile/test_damaged_avro_files.py",
    "formats/avro/test_whole_columns.py",
    "spark/test_types_and_rules.py",
    "doors/test_builds_under_load.py",
    "doors/test_builds_that_fail.py",
    "faults/test_killed_in_the_middle.py",
    "api/test_loading_files.py",
    "dbt_project/test_history.py",
    "test_readme.py",
    "spark/test_building.py",
    "api/test_odd_files.py",
    "hostile/test_strings_everywhere.py",
    "doors/test_large_file.py",
    "test_benchmarks.py",
    "api/test_reads.py",
    "api/test_schema.py",
    "lake/test_feed_of_everything.py",
    "lake/test_shipping.py",
    "dbt_project/test_history_forms.py",
    "cli/test_load_command.py",
    "cli/test_build_command.py",
    "cli/test_recover_command.py",
    "api/test_replaying_many.py",
    "console/test_grid_in_browser.py",
    "console/test_in_browser.py",
    "console/test_dictionary_pages.py",
    "judge/test_both_doors_judge_alike.py",
    "formats/avro/test_hostile_avro_files.py",
    "warehouse/test_commit_journal.py",
    "faults/test_clock_set_back.py",
    "faults/test_full_disk.py",
    "hostile/test_insert_door.py",
    "dbt_project/test_accounting.py",
    "faults/test_killed_while_loading.py",
    "formats/csv/test_polluted_files.py",
)
# Their tests share nothing that takes long to make, so that several processes may share a file.
SHARED_OUT = {
    "api/test_loading_files.py",
    "cli/test_recover_command.py",
    "faults/test_full_disk.py",
    "faults/test_killed_in_the_middle.py",
    "formats/avro/test_avro_bombs.py",
    "formats/avro/test_hostile_avro_files.py",
    "formats/avro/test_whole_columns.py",
    "formats/csv/test_polluted_files.py",
    "hostile/test_damaged_avro_files.py",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: some wait for a disk, a service or a browser."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share the tests (`--dist loadfile`), a file is one process's.

    But for those that are shared out. (Marks of `--dist loadgroup` do nothing: xdist 3.8 writes
    the group into a node's id in a way that pytest 9.2 does not look at.)
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    class ByFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = super()._split_scope(nodeid)
            return nodeid if path.removeprefix("tests/") in SHARED_OUT else path

    return ByFile(config, log)


run_by: dict[str, set[str]] = defaultdict(set)  # the processes that ran tests of a file


def pytest_runtest_logreport(report: Any) -> None:
    """Notes which process ran a test; in the first process alone."""
    if hasattr(report, "node"):
        run_by[report.location[0].removeprefix("tests/")].add(report.node.gateway.id)


def spread(config: pytest.Config) -> list[str]:
    """Files whose fixtures were made more than once, which takes a third of a run."""
    if config.getoption("dist", "no") != "loadfile":
        return []
    return sorted(n for n, by in run_by.items() if len(by) > 1 and n not in SHARED_OUT)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long begins first, so that no process has a long one left at the end."""
    if not hasattr(config, "workerinput"):
        return
    tests = CHECKOUT / "tests"
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    turn = {tests / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (turn.get(item.path, len(turn)), item.path not in slow))


def pytest_collection_finish() -> None:
    """Of all that is imported now, nothing is garbage: no sweep has to look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # dbt makes a million objects in a build


# Processes that run tests side by side have one nursery, draw hostile input from one seed, and tell
# how much they have tried. (The hooks are here since the first process loads no other conftest.)


def pytest_configure(config: pytest.Config) -> None:
    """Takes over what the first process says."""
    given = getattr(config, "workerinput", None)
    if given is None:
        keeper = nursery.Keeper()
        nursery.address = keeper.address
        config.add_cleanup(keeper.close)
    else:
        nursery.address = given["nursery"]
        chance.SEED, chance.TIMES = given["chance"]
        if len(config.args) == 1 and (config.rootpath / config.args[0]) == CHECKOUT / "tests":
            rewrite_share(config, int(given["workerid"][2:]), given["workercount"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Says it to another process."""
    node.workerinput["nursery"] = nursery.address
    node.workerinput["chance"] = (chance.SEED, chance.TIMES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Another process has ended."""
    chance.done.update(getattr(node, "workeroutput", {}).get("done", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tells the first process what was tried."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["done"] = dict(chance.done)
    if spread(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says at the end what was tried, and how to try the same again."""
    if names := spread(terminalreporter.config):
        terminalreporter.section("FAILED: several processes ran tests of one file", red=True)
        terminalreporter.line(" ".join(names))
    if not chance.done:
        return
    terminalreporter.section("hostile input")
    for name, number in sorted(chance.done.items()):
        terminalreporter.line(f"{number:>8,} {name}")
    terminalreporter.line(f"{chance.done.total():>8,} cases in all ({chance.repeat()})")


@pytest.fixture(scope="session", autouse=True)
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    parsed.folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return parsed.folder
