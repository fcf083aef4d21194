"""An iterator that works ahead in a thread of its own, while what it gave is being used."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")
FEW = 2  # are ready at most


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, and the same exception at their end; `close` it when no more are wanted."""
    ready: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(FEW)
    unwanted = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if unwanted.is_set():
                    return
                ready.put((item, None, False))
        except BaseException as raised:  # noqa: BLE001 - it is raised where the items are used
            error = raised
        ready.put((None, error, True))

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error, is_end = ready.get()
            if error is not None:
                raise error
            if is_end:
                return
            yield item  # type: ignore[misc]
    finally:
        unwanted.set()
        while thread.is_alive():  # it may wait for room
            try:
                ready.get(timeout=0.01)
            except queue.Empty:
                thread.join(0.01)
