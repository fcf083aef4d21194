"""`requirements/install`: says how far it is, and what pip says where it fails; compiles."""

import os
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pip

from tests.support import CHECKOUT


def installed(lock, tmp_path, python=sys.executable, **environ):
    path = tmp_path / "lock.txt"
    path.write_text(lock)
    return subprocess.run(
        ["bash", str(CHECKOUT / "requirements/install"), str(python), str(path)],
        env={**os.environ, "PIP_NO_INDEX": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_pip_says_of_a_failure_is_shown_whole(tmp_path):
    done = installed("no-such-thing==1 --hash=sha256:" + "0" * 64 + "\n", tmp_path)
    assert done.returncode == 1
    assert "pip ended with 1; it said:" in done.stdout
    assert "No matching distribution found for no-such-thing==1" in done.stdout


def test_what_is_there_is_counted_and_pip_itself_is_not_heard(tmp_path):
    lock = "pytest==1 ; python_version < '3' --hash=sha256:" + "0" * 64 + "\n"
    done = installed(lock, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].strip().startswith("fetching: done, 1 of 1, in ")


def test_what_is_installed_is_compiled_but_for_what_no_python_reads(tmp_path):
    folder = tmp_path / "env"
    venv.create(folder, with_pip=False)
    wheel = tmp_path / "tiny-1-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/__init__.py", "SIZE = 1\n")
        archive.writestr("tiny/old.py", "print 1\n")
        archive.writestr(
            "tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n"
        )
        archive.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny-1.dist-info/RECORD", "")
    digest = sha256(wheel.read_bytes()).hexdigest()
    done = installed(
        f"tiny==1 --hash=sha256:{digest}\n",
        tmp_path,
        folder / "bin" / "python",
        PIP_FIND_LINKS=str(tmp_path),
        PYTHONPATH=str(Path(pip.__file__).parents[1]),
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (package,) = folder.glob("lib/python*/site-packages/tiny")
    assert [path.name.split(".")[0] for path in package.glob("__pycache__/*.pyc")] == ["__init__"]
