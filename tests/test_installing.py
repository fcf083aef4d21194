"""`requirements/install`: says how far it is, and what pip says where it fails."""

import os
import subprocess
import sys

from tests.support import CHECKOUT


def installed(lock, tmp_path):
    path = tmp_path / "lock.txt"
    path.write_text(lock)
    return subprocess.run(
        ["bash", str(CHECKOUT / "requirements/install"), sys.executable, str(path)],
        env={**os.environ, "PIP_NO_INDEX": "1"},
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
