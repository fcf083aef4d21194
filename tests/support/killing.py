"""Services that are ended while others work with them."""

import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.support.processes import Service
from tests.support.workers import Worker


def work_until_ended(
    service: Service, workers: Sequence[Worker], seconds: float, sent: signal.Signals
) -> int:
    """Its exit code, when all have noticed; what they were told that must not be is told here."""
    stop = threading.Event()
    killer = threading.Timer(seconds, service.process.send_signal, [sent])
    with ThreadPoolExecutor(len(workers)) as pool:
        at_work = [pool.submit(worker.work, service.url, stop) for worker in workers]
        killer.start()
        code = service.process.wait(60)
        stop.set()
        for each in at_work:
            each.result(60)
    service.kill()
    return code
