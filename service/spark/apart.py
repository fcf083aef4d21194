"""Builds on Spark beside a service: each in a process of its own, since a JVM does not go away."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime

from service.runtime.logs import get_logger
from service.runtime.metrics import Metrics
from service.runtime.settings import Settings
from service.spark.lake_places import done_file

log = get_logger(__name__)
JOB = "spark"  # begun as one job of the clock, ended as another
COMMAND = (sys.executable, "-m", "service", "build", "--target", "spark", "--json")
LAST = 2000  # characters of what it said that are logged


class BuildsApart:
    """The builds on Spark of one service, one at a time; how each ended is logged and counted."""

    def __init__(
        self, settings: Settings, metrics: Metrics, command: tuple[str, ...] = COMMAND
    ) -> None:
        """`command` is what builds; its settings are those of the environment, as it is."""
        self._settings, self._metrics, self._command = settings, metrics, command
        self._process: subprocess.Popen[str] | None = None
        self._watcher: threading.Thread | None = None

    def begin(self) -> None:
        """Begins a build, unless the one before goes on."""
        if self._watcher is not None and self._watcher.is_alive():
            log.warning("spark_build_goes_on")
            return
        self._process = subprocess.Popen(
            self._command,
            cwd=self._settings.project,
            env=os.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._watcher = threading.Thread(target=self._watch, args=(self._process,), name=JOB)
        self._watcher.start()

    def wait(self) -> None:
        """Waits until none is under way."""
        if self._watcher is not None:
            self._watcher.join()

    def stop(self) -> None:
        """Ends one that is under way; the next one makes whole what it had come to."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        self.wait()

    def last(self) -> datetime | None:
        """When one was done last, by whomever."""
        try:
            seconds = done_file(self._settings).stat().st_mtime
        except OSError:
            return None
        return datetime.fromtimestamp(seconds, UTC)

    def _watch(self, process: "subprocess.Popen[str]") -> None:
        _, said = process.communicate()
        outcome = "failed" if process.returncode else "done"
        self._metrics.runs.labels(JOB, outcome).inc()
        if process.returncode:
            log.error("spark_build_failed", code=process.returncode, said=said[-LAST:])
        else:
            log.info("spark_build_done")
