"""A writer's lock as tests want it."""

import threading


class ShutToBuilds:
    """The writer's lock, which builds get once it is `opened`: they ask for it with a timeout."""

    def __init__(self) -> None:
        self.tried_for, self.opened = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, timeout: float = -1) -> bool:
        if timeout >= 0 and not self.opened.is_set():
            self.tried_for.set()
            return self.opened.wait(timeout) and self._lock.acquire()
        return self._lock.acquire(timeout=timeout)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()
