"""The rooms of `service/`, and which may import which; `docs/architecture.md` draws them.

An import counts wherever it stands: at the top, in a function, under `if TYPE_CHECKING`.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]

# Lowest first: a room imports from itself and from the rooms before it.
ROOMS = (
    "errors",
    "runtime",
    "stores",
    "dictionary",
    "formats",
    "engines",
    "ops",
    "judge",
    "evolution",
    "contracts",
    "sketches",
    "outbox",
    "dbt",
    "warehouse",
    "notices",
    "backups",
    "doors",
    "lake",
    "reports",
    "spark",
    "upkeep",
    "access",
    "gate",
    "api.http",
    "api.openapi",
    "api.v1",
    "console",
    "app",
    "cli",
)

MOST_LINES = 320  # of a module, about
# What knows a format of the outside world, and nothing else does.
LIBRARIES = {
    "click": ["cli"],
    "dbt": ["dbt"],
    "duckdb": ["engines", "dbt.plugin"],  # dbt-duckdb hands its connection to the plugin
    "fastavro": ["formats.avro"],
    "httpx": ["cli", "notices"],
    "jinja2": ["console"],
    "obstore": ["stores"],
    "multipart": ["console"],
    "litestar": ["api", "console", "app"],
    "resvg_py": ["reports"],
    "prometheus_client": ["runtime.metrics"],
    "structlog": ["runtime.logs"],
    "uvicorn": ["api.http"],
    "smtplib": ["notices.mails", "notices.hook_task"],
    "yaml": ["contracts", "notices.hooks_file"],
}

# Modules that share a name because they share a subject: `restores` is a door, and a part of v1.
SUBJECTS = {
    *("audit", "backups", "builds", "changes", "copies", "dictionary", "files", "hooks", "inserts"),
    *("keys", "lake", "loads"),
    *(
        "differences",
        "erasures",
        "tasks",
        "facets",
        "rejection_filters",
        "rejections",
        "replays",
        "reports",
        "restores",
        "rows",
        "row_changes",
        "row_history",
        "tables",
        "trail",
    ),
}


def name_of(path: Path) -> str:
    """`service/judge/judge.py` is "judge.judge", `service/dictionary/__init__.py` "dictionary"."""
    parts = path.relative_to(CHECKOUT / "service").with_suffix("").parts
    return ".".join(parts).removesuffix("__init__").removesuffix(".")


@cache
def parsed() -> dict[str, ast.Module]:
    """Each module by its name. Not where this file is imported: each process of a run does that."""
    paths = sorted(CHECKOUT.glob("service/**/*.py"))
    return {name_of(path): ast.parse(path.read_text()) for path in paths}


def is_within(name: str, place: str) -> bool:
    return f"{name}.".startswith(f"{place}.")


def imported(tree: ast.Module) -> Iterator[str]:
    """The dotted name of each thing that is imported, the module's first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def modules_imported(tree: ast.Module) -> set[str]:
    """The modules of ours among them."""
    ours = [name.removeprefix("service.") for name in imported(tree) if is_within(name, "service")]
    return {max((m for m in parsed() if is_within(name, m)), key=len, default="") for name in ours}


@cache
def imports() -> dict[str, set[str]]:
    """The modules of ours that each module imports."""
    return {name: modules_imported(tree) for name, tree in parsed().items()}


def level_of(name: str) -> int:
    """How high a module's room is; -1 for `service` itself, whose version all may import."""
    if name == "__main__":
        return len(ROOMS)
    return next((i for i, room in enumerate(ROOMS) if is_within(name, room)), -1)


def test_the_page_lists_the_rooms_in_their_order():
    page = (CHECKOUT / "docs" / "architecture.md").read_text("utf-8")
    listed = re.findall(r"^\| `([\w/]+?)(?:/|\.py)` \|", page, re.MULTILINE)
    there = [room for room in ROOMS if any(is_within(name, room) for name in parsed())]
    assert [name.replace("/", ".") for name in listed] == there


def test_every_module_is_in_a_room():
    assert [name for name in parsed() if level_of(name) < 0] == ["", "api"]


def test_no_import_runs_upward():
    upward = [
        f"{name} imports {other}"
        for name, others in imports().items()
        for other in sorted(others)
        if level_of(other) > level_of(name)
    ]
    assert upward == []


def test_no_modules_import_each_other():
    TopologicalSorter(imports()).prepare()  # names the circle, where there is one


def test_each_library_is_imported_in_one_place():
    elsewhere = [
        f"{name} imports {what}"
        for name, tree in parsed().items()
        for what in imported(tree)
        for library, places in LIBRARIES.items()
        if is_within(what, library) and not any(is_within(name, place) for place in places)
    ]
    assert elsewhere == []


# What changes names in a folder, which is on the disk only when the folder is.
NAMING = {
    *("rename", "renames", "hardlink_to", "symlink", "symlink_to", "move", "copytree"),
    *("mkdir", "makedirs"),
}


def changes_names(node: ast.AST) -> bool:
    """Whether it is a call of one of those; `replace` of a path has one argument, of texts two."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    is_of_path = len(node.args) == 1 and not node.keywords
    named = node.func.attr
    of_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
    if named in ("link", "replace"):
        return of_os or (named == "replace" and is_of_path)
    return named in NAMING


def test_names_are_changed_in_one_place_which_has_them_on_the_disk():
    places = {name for name, tree in parsed().items() if any(map(changes_names, ast.walk(tree)))}
    assert places == {"runtime.durable_files"}
    assert all(
        changes_names(ast.parse(text, mode="eval").body)
        for text in (
            "path.rename(to)",
            "os.replace(a, b)",
            "os.link(a, b)",
            "a.replace(b)",
            "path.mkdir()",
        )
    )


def repeated(named: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    """What stands in several modules under one name."""
    places = defaultdict(list)
    for name, module in named:
        places[name].append(module)
    return {name: modules for name, modules in places.items() if len(modules) > 1}


def test_a_long_module_says_why_it_is_one():
    """About 300 lines are what one reads at once."""
    for name, tree in parsed().items():
        if tree.body and (tree.body[-1].end_lineno or 0) > MOST_LINES:
            assert "one module" in (ast.get_docstring(tree) or "").lower(), name


def test_two_modules_of_a_name_are_about_one_subject():
    files = ((path.stem, str(path)) for path in CHECKOUT.glob("service/**/*.py"))
    found = repeated(files)
    assert {name: found[name] for name in found.keys() - SUBJECTS - {"__init__", "__main__"}} == {}


def test_no_two_public_classes_have_one_name():
    classes = (
        (node.name, name)
        for name, tree in parsed().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert repeated(classes) == {}
