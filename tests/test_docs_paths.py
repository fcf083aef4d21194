"""Files that documents, comments and docstrings name are there, and so is what they name in them.

A path counts from the checkout, from one of BASES, or from the file that names it; a name alone is
that of any file. `gate.py::Gate.open` is a function; a macro is named in the same way.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[1]
BASES = ("", "service", "dbt_project", "dbt_project/macros", "tests", "docs", "benchmarks")
DOCUMENTS = (
    "*.md",
    "*.toml",
    "*.yml",
    "docs/**/*.md",
    "dbt_project/**/*.*ml",
    "dbt_project/**/*.sql",
)
CODE = ("service/**/*.py", "tests/**/*.py", "seeds/*.py", "benchmarks/[a-z]*/*.py")
FOLDERS = "service|dbt_project|macros|models|tests|docs|benchmarks|seeds|requirements"
NAMED = re.compile(
    rf"(?<![\w/.<*{{-])((?:{FOLDERS})/[\w./-]+|[\w./-]+\.(?:py|sql|md)\b)(?:::(\w[\w.]*))?"
)
# What a reader is told to make, and what git leaves out.
NOT_HERE = (
    "dbt_project/models/core/locations.",
    "seeds/raw_",  # locations and <table>
    "benchmarks/.venv",
    "benchmarks/results",
    "spark.sql",  # settings and classes of Spark
    "org.apache.spark.sql",
    "spec.md",  # of MessagePack
    "dbt_project/tests",  # data tests that are no part of a model: none so far
)
FILES = [path for pattern in (*DOCUMENTS, *CODE) for path in sorted(CHECKOUT.glob(pattern))]


def spoken(path: Path) -> str:
    """The words of a document; of a module its comments and docstrings."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        return text
    return "\n".join(re.findall(r'#.*|"""(?:.|\n)*?"""', text))


def files_named(path: str, where: Path) -> list[Path]:
    """What `path` may mean in the file `where`."""
    at = [CHECKOUT / base / path for base in BASES] + [where.parent / path]
    found = [each for each in at if each.exists()]
    return found or [each for each in FILES if each.name == path]


def is_defined(name: str, file: Path) -> bool:
    """Whether `file` has the macro, or the function or class `name` ("Class.method")."""
    text = file.read_text("utf-8")
    if file.suffix == ".sql":
        return bool(re.search(rf"macro {name}\(", text))
    scope: Any = ast.parse(text)
    for part in name.split("."):
        named = [each for each in scope.body if getattr(each, "name", None) == part]
        if not named:
            return False
        scope = named[0]
    return True


def missing(file: Path) -> Iterator[str]:
    for path, name in NAMED.findall(spoken(file)):
        path = path.rstrip("./-")
        if path.startswith(NOT_HERE):
            continue
        found = files_named(path, file)
        if not found:
            yield path
        elif name and not any(is_defined(name.rstrip("."), each) for each in found):
            yield f"{path}::{name}"


def test_what_is_named_is_there():
    gone = [f"{file.relative_to(CHECKOUT)}: {name}" for file in FILES for name in missing(file)]
    assert gone == []


def test_a_name_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "`service/gate.py`, gate.py, `judge/judge.py::Judge.judge` and `tests/test_layout.py`, but "
        "`service/door/`, `door/gate.py`, lost.sql and `judge/judge.py::Judge.lost`."
    )
    lost = ["service/door", "door/gate.py", "lost.sql", "judge/judge.py::Judge.lost"]
    assert list(missing(page)) == lost
