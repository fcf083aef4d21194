"""Work on the blocks of a file by a few threads that let everyone else go first."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")
U = TypeVar("U")

THREADS = 2
AHEAD = 3  # pieces of work under way or done that nobody has taken yet: this bounds the memory
_NICENESS = 10  # backups can wait for inserts


def in_order(work: Callable[[T], U], given: Iterable[T]) -> Iterator[U]:
    """What `work` makes of each of `given`, in their order; a failure comes in its turn.

    `given` is read in the caller's thread, no more than AHEAD of what was taken.
    """
    # Linux keeps the niceness of each thread, and os.nice sets the calling one's.
    pool = ThreadPoolExecutor(THREADS, "blocks", initializer=os.nice, initargs=(_NICENESS,))
    waiting: deque[Future[U]] = deque()
    try:
        for each in given:
            waiting.append(pool.submit(work, each))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def one_ahead(given: Iterable[T]) -> Generator[T, None, None]:
    """Each of `given`, while a thread makes the next one; a failure comes in its turn.

    Once closed, `given` is asked for nothing more.
    """
    made, end = iter(given), object()
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming: Future[T | object] = pool.submit(next, made, end)
        while (each := coming.result()) is not end:
            coming = pool.submit(next, made, end)
            yield cast(T, each)
