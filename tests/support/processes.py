"""The service in a process of its own, to be killed, weighed and starved."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from service.runtime.settings import Settings

COMMAND = "from service.cli import main; main()"
PATHS = ("project", "warehouse", "backups", "seeds")
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")


class Service:
    """`gatehouse serve` in a process of its own, and a client of it."""

    def __init__(
        self, settings: Settings, program: str = COMMAND, more: Mapping[str, str] | None = None
    ) -> None:
        """Returns when it answers; `more` are settings of its environment."""
        paths = {f"GATEHOUSE_{name.upper()}": str(getattr(settings, name)) for name in PATHS}
        quiet = {"GATEHOUSE_LOG_LEVEL": "warning", "GATEHOUSE_VERIFY_SCHEDULE": "never"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--port", "0"],
            env={**os.environ, **paths, **quiet, **(more or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = (line for line in self.process.stdout if line.startswith("Gatehouse is at"))
        address = next(said, None)
        assert address, f"the service did not start: exit code {self.process.wait()}"
        self.url = address.split()[-1]
        self.client = httpx.Client(base_url=self.url, timeout=60)

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def kill(self) -> None:
        """Ends it as a power cut would; once is enough."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.client.close()

    def stop(self) -> int:
        """Has it end in order; its exit code."""
        self.process.terminate()
        code = self.process.wait(90)
        self.kill()
        return code
