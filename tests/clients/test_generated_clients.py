"""Clients for Python and TypeScript, made of the OpenAPI document by others, and those who lint it.

The tools for TypeScript come by npm (`make install-dev` installs them where there is one).
"""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from service.runtime.settings import Settings
from tests.support.contract import operations
from tests.support.services import serving, settings_in

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
TOOLS = HERE / "node_modules" / ".bin"
# What the tools would do besides: tell their makers, and look for newer ones.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
HAS_TOOLS = shutil.which("node") is not None and (TOOLS / "redocly").exists()
needs_node = pytest.mark.skipif(
    not HAS_TOOLS and "CI" not in os.environ, reason="there is no node, or no npm to install by"
)


@pytest.fixture(scope="module")
def served(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    own = settings_in(tmp_path_factory.mktemp("clients"))
    shutil.copy(built.warehouse, own.warehouse)
    with serving(own) as client:
        yield client


@pytest.fixture(scope="module")
def document(served: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(served.get("/schema").content)
    return path


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def in_python(document: Path) -> Iterator[tuple[ModuleType, str]]:
    """The client for Python, and what was said while it was made."""
    config = document.with_name("config.yml")
    # Files of Avro are bytes, which it can only be told so.
    config.write_text(
        "content_type_overrides: {application/avro: application/octet-stream}\npost_hooks: []\n"
    )
    said = run(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--path", document),
        *("--config", config, "--meta", "none", "--output-path", document.parent / "made_client"),
        folder=document.parent,
    )
    sys.path.insert(0, str(document.parent))
    try:
        yield importlib.import_module("made_client"), said
    finally:
        sys.path.remove(str(document.parent))
        for name in [each for each in sys.modules if each.partition(".")[0] == "made_client"]:
            del sys.modules[name]


def call(name: str) -> Any:
    """The module of one operation of the client for Python."""
    [found] = importlib.import_module("made_client").__path__
    [path] = Path(found).glob(f"api/*/{name}.py")
    return importlib.import_module(f"made_client.api.{path.parent.name}.{name}")


def test_a_client_for_python_lacks_no_call_and_no_type(in_python, document):
    client, said = in_python
    folder = Path(client.__path__[0])
    made = {path.stem for path in folder.glob("api/*/*.py")} - {"__init__"}
    known = json.loads(document.read_text())
    assert made == {operation["operationId"] for _, _, operation in operations(known)}
    models = (folder / "models" / "__init__.py").read_text()
    for name in known["components"]["schemas"]:
        assert f'"{name}"' in models
    # JSON is the one form of rows that it knows to send.
    others = {"application/x-ndjson", "text/csv", "application/msgpack"}
    assert {*re.findall(r"Unsupported content[ _]type ([\w/+.-]+)", said)} == others
    assert "Failure" not in said


def test_a_client_for_python_can_do_all_that_there_is_to_do(in_python, served):
    client = in_python[0].Client(base_url=str(served.base_url))
    models = importlib.import_module("made_client.models")
    ask = {"client": client}
    noon = datetime(2021, 12, 10, 9, tzinfo=UTC)  # which it writes with +00:00

    def hire(number: int, **other: Any) -> Any:
        row = {"id": number, "name": "Ada", "datetime_": noon, "department_id": 3, "job_id": 7}
        return models.HiredEmployeesRow(**{**row, **other})

    insert = call("insert_rows_hired_employees").sync_detailed
    good = insert(**ask, body=[hire(8001)])
    assert (good.status_code, good.parsed.accepted) == (201, 1)
    mixed = insert(**ask, body=[hire(8002), hire(8003, department_id=99)])
    assert (mixed.status_code, mixed.parsed.accepted, mixed.parsed.rejected) == (207, 1, 1)
    [kept_out] = mixed.parsed.rejections
    assert kept_out.violations[0].rule == "relationships"
    assert insert(**ask, body=[hire(8001)]).parsed.title == "Rows rejected"

    job = models.JobsRow(id=8001, job="Typist")
    post = call("insert_rows_jobs").sync_detailed
    first, second = (post(**ask, body=job, idempotency_key="python") for _ in range(2))
    assert first.parsed.load_id == second.parsed.load_id
    assert second.headers["Idempotency-Replayed"] == "true"

    page = call("list_rows_jobs").sync
    names: list[str] = []
    after: dict[str, str] = {}
    while (found := page(**ask, limit=100, **after)).rows:
        names += [row.job for row in found.rows]
        if found.next_ is None:
            break
        after = {"after": found.next_}
    assert (len(names) > 180, names[-1]) == (True, "Typist")

    backup = call("back_up_table_jobs").sync(**ask)
    asked = models.RestoreRequest(backup_id=backup.backup_id, dry_run=True)
    plan = call("restore_table_jobs").sync(**ask, body=asked)
    assert (backup.rows, plan.added, plan.removed, plan.load_id) == (len(names), 0, 0, None)
    content = call("read_backup_file").sync(backup.backup_id, **ask).payload.read()
    assert len(content) == backup.bytes_

    replay = call("replay_rejection").sync_detailed
    replayed = replay(kept_out.rejection_id, **ask, body=hire(8003).to_dict())
    assert (replayed.status_code, replayed.parsed.accepted) == (201, 1)
    assert call("audit").sync(**ask).ok


@needs_node
def test_a_client_for_typescript_can_do_all_that_there_is_to_do(document, served, tmp_path):
    for name in ("tsconfig.json", "use_client.ts", "package.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    run(TOOLS / "openapi-typescript", document, "-o", tmp_path / "schema.d.ts", folder=tmp_path)
    run(TOOLS / "tsc", "-p", tmp_path, folder=tmp_path)
    said = run("node", "use_client.js", str(served.base_url), folder=tmp_path)
    found = json.loads(said)
    jobs = served.get("/v1/tables/jobs").json()["rows"]
    assert found == {
        "inserted": [201, 1],
        "mixed": [207, 1, "relationships"],
        "refused": [422, "Rows rejected"],
        "repeated": [True, "true"],
        "names": [jobs, served.get(f"/v1/tables/jobs/rows/{max_id(served)}").json()["job"]],
        "backup": ["jobs", jobs],
        "plan": [0, 0, 0, None],
        "replayed": [201, 1],
        "audit": True,
    }


def max_id(served: httpx.Client) -> Any:
    return max(row["id"] for row in served.get("/v1/tables/jobs/rows?limit=10000").json()["rows"])


@needs_node
def test_those_who_lint_openapi_find_nothing(document):
    folder = document.parent
    shutil.copy(HERE / ".spectral.yaml", folder)
    run(TOOLS / "redocly", "lint", document, folder=folder)
    run(TOOLS / "spectral", "lint", document, "--fail-severity", "warn", folder=folder)


@needs_node
def test_patterns_mean_in_javascript_what_they_mean_here(document, tmp_path):
    """Each is compiled as JSON Schema wants it, and looks at the same texts in both languages."""
    found = sorted(set(re.findall(r'"pattern":"((?:[^"\\]|\\.)*)"', document.read_text())))
    patterns = [json.loads(f'"{each}"') for each in found]
    texts = ["boss", "boss\n", "2021-07-27T16:02:08Z", "2021-07-27T16:02:08Z\n", "", "a" * 64]
    texts += ["2021-07-27t16:02:08.1234560+00:00", "2021-07-27T16:02:08+02:00", "2021-07-27"]
    program = tmp_path / "look.mjs"
    program.write_text(
        "const [patterns, texts] = JSON.parse(process.argv[2]);\n"
        "const looked = patterns.map((p) => texts.map((t) => new RegExp(p, 'u').test(t)));\n"
        "console.log(JSON.stringify(looked));\n"
    )
    said = json.loads(run("node", program, json.dumps([patterns, texts]), folder=tmp_path))
    assert len(patterns) >= 3
    # A `$` of Python's lets a line end pass, JavaScript's does not.
    strict = [re.compile(re.sub(r"\$$", r"\\Z", each)) for each in patterns]
    assert said == [[bool(each.search(text)) for text in texts] for each in strict]
