"""Runs benchmarks: ``make bench ARGS='insert history --rounds 5'``. docs/benchmarks.md explains."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.contestants import ALL, contestants
from benchmarks.loading import Generator, Load
from benchmarks.machine import filesystem, machine
from benchmarks.processes import Failed
from benchmarks.report import Report
from benchmarks.suites import SUITES

RESULTS = Path(__file__).parent / "results"
DISK = "/var/tmp"  # /tmp may be in memory, where nothing is durable


def main() -> None:
    """Runs the suites that are asked for; ends with 1 when one cannot be run to its end."""
    arguments = _arguments()
    report = Report(_command(), {})
    try:
        with _folder(arguments.folder) as folder:
            bench = _bench(arguments, report, folder)
            report.open()
            for name in arguments.suites or ["insert"]:
                SUITES[name](bench)
    except Failed as error:
        sys.exit(f"bench: {error}")
    finally:
        if report.tables:
            print(f"\nwritten to {os.path.relpath(report.write(arguments.results))}")


def _command() -> str:
    """How this was called, without the paths of this machine."""
    words = sys.argv[1:]
    for option in ("--folder", "--results"):
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return f"make bench ARGS='{' '.join(words)}'"


def _sizes(text: str) -> list[int]:
    sizes = sorted(map(int, text.split(",")))
    if sizes[0] < 1:
        raise argparse.ArgumentTypeError("every table has a row before the load")
    return sizes


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures Gatehouse.")
    add = parser.add_argument
    add("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; default: insert")
    add("--only", metavar="NAMES", default="", help=f"of {','.join(kind.name for kind in ALL)}")
    add("--rounds", type=int, default=3, help="how often each is measured; default: 3")
    add("--seconds", type=float, default=5, help="how long each time; default: 5")
    add("--warm-up", type=float, default=1, help="seconds before that; default: 1")
    sizes = "1000000,10000000"
    add("--sizes", type=_sizes, default=sizes, help="rows of large tables; default: 1 M and 10 M")
    add("--full", action="store_true", help="every batch, connection count and share of bad rows")
    add("--loads", default="", help="for insert: connections x rows, as in 8x1000,32x1")
    add("--folder", type=Path, help="keep the data here and use them again; default: a new folder")
    add("--results", type=Path, default=RESULTS, help="where the JSON file goes")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - set(SUITES):
        parser.error(f"there is no suite {', '.join(unknown)}")
    return arguments


def _bench(arguments: argparse.Namespace, report: Report, folder: Path) -> Bench:
    names = [name for name in arguments.only.split(",") if name]
    if "insert" not in (arguments.suites or ["insert"]):
        names = ["gatehouse"]  # the others have no peers that must be installed
    compared = contestants(folder, names)
    report.machine |= machine(folder)
    return Bench(
        folder,
        compared,
        Generator(folder),
        report,
        arguments.rounds,
        arguments.seconds,
        arguments.warm_up,
        arguments.sizes,
        arguments.full,
        [Load(*map(int, load.split("x"))) for load in arguments.loads.split(",") if load],
    )


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """Where the data go: a folder on a disk, which is removed unless it was named."""
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    folder = kept.resolve() if kept else Path(tempfile.mkdtemp(prefix="gatehouse-bench-", dir=DISK))
    folder.chmod(0o711)  # PostgreSQL passes through as a user of its own
    if filesystem(folder) == "tmpfs":
        print(f"{folder} is in memory: nothing is durable there, use --folder", file=sys.stderr)
    try:
        yield folder
    finally:
        if not kept:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
