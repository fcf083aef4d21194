"""Stores of a test's own: a folder, a container in Azurite, a bucket of an S3 stand-in.

Azurite (npm) and moto (PyPI) are started once for all tests of a process, when one first asks for
them. A machine without Azurite passes those tests over; CI, which sets STORES_REQUIRED, does not.
"""

import base64
import hashlib
import hmac
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from service.runtime.locations import Location
from service.stores.kinds import open_store
from service.stores.store import Store

AZURITE = Path(__file__).parent / "azurite" / "node_modules" / ".bin" / "azurite-blob"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
MOTO = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
server._thread.join()
"""
KINDS = ("folder", "azure", "s3")


@dataclass(frozen=True)
class Place:
    """Where a store is, and with which credentials."""

    location: Location
    credentials: str = ""

    def open(self) -> Store:
        return open_store(self.location, self.credentials)


@dataclass(frozen=True)
class Azurite:
    """Azure's blobs at `url`."""

    url: str

    def container(self) -> str:
        """A new container."""
        name = f"c{uuid4().hex}"
        date = format_datetime(datetime.now(UTC), usegmt=True)
        headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
        said = "".join(f"{key}:{value}\n" for key, value in headers.items())
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        headers["Authorization"] = (
            f"SharedKey {ACCOUNT}:{_signed(f'PUT{chr(10) * 12}{said}{resource}')}"
        )
        url = f"{self.url}/{ACCOUNT}/{name}?restype=container"
        assert httpx.put(url, headers=headers).status_code == 201
        return name

    def key(self) -> str:
        """The connection string of the account."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.url}/{ACCOUNT};"
        )

    def signature(self, container: str, rights: str, hours: int = 1) -> str:
        """A connection string with a shared access signature instead of the key."""
        until = (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        resource = f"/blob/{ACCOUNT}/{container}"
        said = [rights, "", until, resource, "", "", "", "2018-11-09", "c", *[""] * 6]
        signature = quote(_signed("\n".join(said)), safe="")
        query = f"sv=2018-11-09&sr=c&sp={rights}&se={quote(until)}&sig={signature}"
        return (
            f"BlobEndpoint={self.url}/{ACCOUNT};AccountName={ACCOUNT};SharedAccessSignature={query}"
        )


def _signed(text: str) -> str:
    mac = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite, running."""
    if not AZURITE.exists() or not shutil.which("node"):
        _lacking("Azurite (make install-stores)")
    command = [str(AZURITE), "--blobPort", "0", "--disableTelemetry", "--inMemoryPersistence"]
    with subprocess.Popen(
        [*command, "--skipApiVersionCheck"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path_factory.mktemp("azurite"),
    ) as process:
        assert process.stdout
        try:
            said = next(line for line in process.stdout if "successfully listens on" in line)
            yield Azurite(said.split()[-1])
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of an S3 stand-in."""
    with subprocess.Popen(
        [sys.executable, "-c", MOTO], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def azure_place(azurite: Azurite) -> Place:
    """A folder in a new container."""
    return Place(Location(f"az://{azurite.container()}/some/where"), azurite.key())


def s3_place(moto: str) -> Place:
    """A folder in a new bucket."""
    bucket = f"b{uuid4().hex}"
    assert httpx.put(f"{moto}/{bucket}").status_code == 200
    keys = f"access_key_id=AKIA;secret_access_key=not-told;endpoint={moto}"
    return Place(Location(f"s3://{bucket}/some/where"), keys)


def place_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of one of KINDS, empty."""
    if kind == "azure":
        return azure_place(request.getfixturevalue("azurite"))
    if kind == "s3":
        return s3_place(request.getfixturevalue("moto"))
    return Place(Location(tmp_path / f"store-{uuid4().hex[:8]}"))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of each kind."""
    return place_of(request.param, request, tmp_path)


@pytest.fixture
def store(place: Place) -> Store:
    """A store of each kind, empty."""
    return place.open()


def _lacking(what: str) -> None:
    if os.environ.get("STORES_REQUIRED"):
        pytest.fail(f"it needs {what}")
    pytest.skip(f"it needs {what}")
