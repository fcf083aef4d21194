"""What can be measured, by name; the order is that of the command line's help."""

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.suites import (
    backup,
    building,
    console,
    history,
    insert,
    keys,
    onlookers,
    pollock,
    reading,
    server,
    spark,
    start,
)

SUITES: dict[str, Callable[[Bench], None]] = {
    "insert": insert.run,
    "history": history.run,
    "backup": backup.run,
    "reading": reading.run,
    "building": building.run,
    "start": start.run,
    "server": server.run,
    "console": console.run,
    "onlookers": onlookers.run,
    "pollock": pollock.run,
    "keys": keys.run,
    "spark": spark.run,
}
