"""Schemathesis asks every call of the document what it may and what it may not be asked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import CHECKOUT, chance
from tests.support.chance import cases, done, repeat

EXAMPLES = 4  # of each call, besides those at the limits of its parameters
# Calls like those of departments, but for names; `make fuzz` makes them too.
ALIKE = () if chance.TIMES > 1 else ("--exclude-path-regex", "^/v1/tables/jobs/")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "use_after_free",
    "ignored_auth",
)
CHECKED = "\n".join(f"{name}.enabled = true" for name in CHECKS)
# A row that breaks the schema is refused by itself: the others of its request go in (207). Of a
# file that breaks it, which is no more than text, some sense may be made (202).
CONFIG = f"""
[checks]
enabled = false
{CHECKED}
negative_data_rejection.expected-statuses = [
    "202", "207", "400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "503"
]
# Where a page is, its forms are sent: that is no call of programs, nor of the document.
[[operations]]
include-tag = "pages"
checks.unsupported_method.enabled = false
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a few minutes; on a machine that does much else, many
def test_no_call_is_answered_otherwise_than_the_document_says(door, tmp_path):
    made = door.client.post("/v1/keys", json={"name": "the-one-that-asks", "role": "operator"})
    report = tried(f"{door.client.base_url}/schema", made.json()["key"], tmp_path)
    done["calls of the document"] += report["test_cases"]["generated"]
    said = (tmp_path / "said").read_text()
    assert report["exit_code"] == 0, f"{said}\n{repeat()}"
    assert report["operations"]["tested"] == report["operations"]["selected"] > 40
    assert report["phases"]["stateful"]["status"] == "success"
    assert report["test_cases"]["generated"] > 4000


def tried(url: str, key: str, folder: Path) -> dict[str, Any]:
    """What schemathesis reports; what it says is in the file `said`."""
    (folder / "schemathesis.toml").write_text(
        f'hooks = "tests.support.serializers"\n{CONFIG}', "utf-8"
    )
    command = (sys.executable, "-m", "schemathesis.cli", "run", url, "--no-color")
    amount = ("--seed", str(chance.SEED), "--max-examples", str(cases(EXAMPLES)))
    patience = ("--request-timeout", "60")  # a copy waits for a build that runs
    # Who revokes the key that asks can ask no more.
    access = ("--header", f"Authorization: Bearer {key}", "--exclude-operation-id", "revoke_key")
    kept = ("--report", "json", "--report-json-path", "report.json")
    none = ("--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off")
    with (folder / "said").open("wb") as said:
        subprocess.run(
            (*command, "--continue-on-failure", *amount, *patience, *access, *ALIKE, *kept, *none),
            cwd=folder,
            stdout=said,
            stderr=said,
            env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            check=False,
        )
    read: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return read
