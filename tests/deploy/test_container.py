"""The image is made and run, on a base that Debian's packages make: `make container-test`.

It takes root, buildah and mmdebstrap, and some minutes. The base is kept (CONTAINER_CACHE). The
container has a root file system that is read only, a folder of its own, and user 10001.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy import texts
from tests.support import CHECKOUT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TOOLS = ("buildah", "mmdebstrap", "unshare", "chroot")
SUITE = "bookworm"
LOCK = CHECKOUT / "requirements" / "lake.txt"
USER = "10001:10001"
KEY = "gatehouse_" + "c0ffee" * 10
PORT = "8871"
# What a runtime of containers does, as far as the service can tell.
RUN = """
root=$1 data=$2; shift 2
mount --bind "$root" "$root" && mount -o remount,ro,bind "$root"
mount -t tmpfs tmpfs "$root/tmp" && mount --bind "$data" "$root/var/lib/gatehouse"
mount --bind /dev "$root/dev" && mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
cd /
exec chroot --userspec=10001:10001 "$root" "$@"
"""


class Image:
    """The image, mounted, and what it says of itself."""

    def __init__(self, folder: Path) -> None:
        stores = ["--root", str(folder / "store"), "--runroot", str(folder / "run")]
        self._buildah = ["buildah", *stores]

    def make(self, base: Path) -> None:
        """Makes it on a base, which is the archive of a root file system."""
        empty = self.does("from", "scratch")
        self.does("add", "--quiet", empty, str(base), "/")
        self.does("commit", "--quiet", "--rm", empty, "localhost/base")
        digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
        said = {"BASE": "localhost/base", "LOCK_SHA256": digest}
        arguments = [
            part for name, value in said.items() for part in ("--build-arg", f"{name}={value}")
        ]
        self.does("bud", "--format", "docker", "--pull-never", *_way_to_packages(), *arguments,
                  "-f", "Containerfile", "-t", "localhost/gatehouse", str(CHECKOUT))  # fmt: skip
        self.container = self.does("from", "--pull-never", "localhost/gatehouse")
        self.root = Path(self.does("mount", self.container))
        described = json.loads(self.does("inspect", "--type", "image", "localhost/gatehouse"))
        self.config: dict[str, Any] = described["Docker"]["config"]

    def does(self, *arguments: str) -> str:
        """Runs buildah; the last line that it prints."""
        environ = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run([*self._buildah, *arguments], cwd=CHECKOUT, env=environ,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return (done.stdout.strip().splitlines() or [""])[-1]

    def command(self, data: Path, *arguments: str, **more: str) -> list[str]:
        """What runs `arguments` in a container, as runtimes do."""
        environ = {**dict(each.split("=", 1) for each in self.config["Env"]), **more}
        own = [f"{name}={value}" for name, value in environ.items()]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", RUN, "sh"]
        return [*enter, str(self.root), str(data), "env", "-i", *own, *arguments]


def _way_to_packages() -> list[str]:
    """This machine's pip.conf and certificates, if it has some."""
    conf, certificates = Path("/etc/pip.conf"), Path("/etc/ssl/certs")
    secret = ["--secret", f"id=pip_conf,src={conf}"] if conf.exists() else []
    return [*secret, "--volume", f"{certificates}:{certificates}:ro"]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if os.environ.get("CONTAINER_TESTS") != "yes":
        pytest.skip("make container-test")
    missing = [each for each in TOOLS if not shutil.which(each)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"not here: {', '.join(missing) or 'root'}")
    image = Image(tmp_path_factory.mktemp("image"))
    image.make(_base())
    yield image
    image.does("umount", "--all")
    image.does("rm", "--all")


def _base() -> Path:
    """The archive of a small Debian with Python, made once."""
    folder = Path(os.environ.get("CONTAINER_CACHE", "/var/tmp/gatehouse-container"))
    folder.mkdir(parents=True, exist_ok=True)
    made, making = folder / f"{SUITE}.tar", folder / f"making-{SUITE}.tar"
    if not made.exists():
        packages = "--include=python3,python3-venv,ca-certificates"
        subprocess.run(
            ["mmdebstrap", "--variant=minbase", packages, SUITE, str(making)], check=True
        )
        making.rename(made)
    return made


@contextmanager
def serving(image: Image, data: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A container that serves, from the moment when it is ready."""
    said = {"GATEHOUSE_PORT": PORT, "GATEHOUSE_FIRST_KEY": KEY, "GATEHOUSE_LOG_LEVEL": "warning"}
    command = image.command(data, *image.config["Entrypoint"], *image.config["Cmd"], **said, **more)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        ready = any(line.startswith("Gatehouse is at") for line in process.stdout)
        assert ready, process.wait()
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_image_says_who_runs_it_and_what_is_in_it(image: Image) -> None:
    config = image.config
    assert config["User"] == USER
    assert config["StopSignal"] == "SIGTERM"
    assert config["Volumes"].keys() == {texts.STATE}
    assert config["ExposedPorts"].keys() == {"8000/tcp"}
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "service.runtime.probe"]
    labels: Mapping[str, str] = config["Labels"]
    assert labels["org.gatehouse.lock.sha256"] == hashlib.sha256(LOCK.read_bytes()).hexdigest()
    bill = json.loads((image.root / labels["org.gatehouse.sbom"].lstrip("/")).read_text())
    names = {each["name"] for each in bill["components"]}
    assert {"duckdb", "litestar", "obstore"} <= names
    packages = next((image.root / "opt/gatehouse/.venv/lib").glob("python3.*/site-packages"))
    installed = {path.name for path in packages.iterdir()}
    assert not installed & {"pip", "setuptools", "pytest"}


def test_it_serves_on_a_root_that_is_read_only_and_ends_in_order(
    image: Image, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    for which in ("with a build", "again"):
        began = time.monotonic()
        with serving(image, data) as process:
            print(f"ready {which} after {time.monotonic() - began:.1f} s")
            probe = image.config["Healthcheck"]["Test"][1:]
            subprocess.run(image.command(data, *probe, GATEHOUSE_PORT=PORT), check=True)
            url, key = f"http://127.0.0.1:{PORT}", {"X-API-Key": KEY}
            assert httpx.get(f"{url}/v1/tables").status_code == 401
            rows = [{"id": 9000 + len(which), "job": "Smith"}]
            path = f"{url}/v1/tables/jobs/rows"
            assert httpx.post(path, json=rows, headers=key).status_code == 201
            assert httpx.post(f"{url}/v1/backups", headers=key, timeout=60).status_code == 201
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    owners = {path.stat().st_uid for path in data.rglob("*")}
    assert owners == {10001}
    assert (data / "backups").exists()


def test_a_container_that_does_not_serve_is_not_well(image: Image, tmp_path: Path) -> None:
    probe = image.command(tmp_path, *image.config["Healthcheck"]["Test"][1:], GATEHOUSE_PORT=PORT)
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    assert (done.returncode, "does not answer" in done.stdout) == (1, True)


def test_a_lock_that_is_not_the_one_of_the_label_ends_the_build(image: Image) -> None:
    wrong = ["--build-arg", "BASE=localhost/base", "--build-arg", f"LOCK_SHA256={'0' * 64}"]
    with pytest.raises(AssertionError, match="did NOT match"):
        image.does("bud", "--pull-never", *wrong, "-f", "Containerfile", str(CHECKOUT))
