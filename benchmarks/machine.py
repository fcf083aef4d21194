"""What a run was made on and with."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.contestants.contestant import CHECKOUT, PEERS_PYTHON
from benchmarks.contestants.postgresql import version
from benchmarks.processes import Command

OURS = ("duckdb", "msgspec", "litestar", "uvicorn", "pyarrow", "pyroaring", "dbt-core")
PEERS = ("fastapi", "pydantic", "sqlalchemy", "asyncpg", "psycopg", "uvicorn", "datasette")
ASK = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"


def machine(folder: Path) -> dict[str, Any]:
    """Hardware, system and versions; `folder` is where the data lie."""
    return {
        "processor": f"{_from_proc('cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_from_proc('meminfo', 'MemTotal').split()[0]) / 1e6:.1f} GB",
        "system": f"Linux {'.'.join(platform.release().split('.')[:2])}, {filesystem(folder)}",
        "python": platform.python_version(),
        "commit": _commit(),
        "ours": {name: metadata.version(name) for name in OURS},
        "peers": _of_peers(PEERS) | {"PostgreSQL": _postgresql(), "SQLite": sqlite3.sqlite_version},
    }


def filesystem(folder: Path) -> str:
    """The kind of file system that `folder` is on: on tmpfs nothing is ever durable."""
    command: Command = ["df", "--output=fstype", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def _from_proc(file: str, name: str) -> str:
    for line in Path("/proc", file).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _commit() -> str:
    command: Command = ["git", "-C", CHECKOUT, "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _postgresql() -> str:
    return version().rpartition("PostgreSQL) ")[2].split(" ")[0]


def _of_peers(names: Sequence[str]) -> dict[str, str]:
    if not PEERS_PYTHON.exists():
        return {}
    command: Command = [PEERS_PYTHON, "-c", ASK, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(names, done.stdout.split(), strict=True))
