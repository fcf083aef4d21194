"""Work that is done ahead, in threads, while its results are being used.

Both functions give results in order, raise a failure where its result would have come, and hold no
more than a few results: this bounds the memory.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TypeVar, cast

T = TypeVar("T")
U = TypeVar("U")

THREADS = 2
MAX_WAITING = 3  # results that are made, or being made, and that nobody has taken
_NICENESS = 10  # backups can wait for inserts
_END = object()


def ahead(items: Iterable[T], max_waiting: int = MAX_WAITING) -> Generator[T, None, None]:
    """The `items`, of which a thread makes the next ones while one is being used.

    At most `max_waiting` are made that were not asked for yet. Close it when no more are needed:
    then `items` is asked for nothing more, and the thread has ended.

    Raises:
        Whatever `items` raises, after the items before.
    """
    made: SimpleQueue[tuple[T | object, BaseException | None]] = SimpleQueue()
    room, closed = Semaphore(max_waiting), Event()
    thread = Thread(target=_work, args=(items, made, room, closed), name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is _END:
                return
            room.release()
            yield cast(T, item)
    finally:
        closed.set()
        room.release()
        thread.join()


def _work(
    items: Iterable[T],
    made: "SimpleQueue[tuple[T | object, BaseException | None]]",
    room: Semaphore,
    closed: Event,
) -> None:
    """Puts the items into `made`, each once there is `room` for it; then the end, or the error."""
    try:
        source = iter(items)
        while True:
            room.acquire()
            if closed.is_set():
                return
            item = next(source, _END)
            made.put((item, None))
            if item is _END:
                return
    except BaseException as error:  # noqa: BLE001 - it is raised where the items are used
        made.put((_END, error))


def in_order(work: Callable[[T], U], given: Iterable[T]) -> Iterator[U]:
    """What `work` makes of each of `given`, in their order, by two threads of low priority.

    `given` is read in the caller's thread, at most MAX_WAITING of what was taken.

    Raises:
        Whatever `work` or `given` raises, after the results before.
    """
    # Linux keeps the niceness of each thread, and os.nice sets the calling one's.
    pool = ThreadPoolExecutor(THREADS, "blocks", initializer=os.nice, initargs=(_NICENESS,))
    waiting: deque[Future[U]] = deque()
    try:
        for each in given:
            waiting.append(pool.submit(work, each))
            if len(waiting) >= MAX_WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
