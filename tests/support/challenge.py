"""The real history, where it is."""

from pathlib import Path

import pytest

from tests.support import CHECKOUT

CHALLENGE = CHECKOUT.parent / "shared" / "data" / "challenge"
HEADERS = {
    "departments": "id,department",
    "jobs": "id,job",
    "hired_employees": "id,name,datetime,department_id,job_id",
}


@pytest.fixture(scope="session")
def challenge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real history, with headers; skips the test where it is not there."""
    if not CHALLENGE.exists():
        pytest.skip("the real history is not here")
    folder = tmp_path_factory.mktemp("challenge")
    for table, header in HEADERS.items():
        text = (CHALLENGE / f"{table}.csv").read_text()
        (folder / f"{table}.csv").write_text(f"{header}\n{text}")
    return folder
