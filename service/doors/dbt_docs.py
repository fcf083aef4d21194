"""dbt's docs site: made when it is first asked for after a build, and kept until the next."""

import asyncio
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

from service.dbt.cancelling import Cancel, Cancelled
from service.dbt.docs_page import DocsPage, generate
from service.dbt.runner import BuildFailed, small_sweeps
from service.dictionary import DictionaryError
from service.errors import Unavailable
from service.runtime.logs import get_logger
from service.runtime.settings import Settings
from service.warehouse.build_lock import BuildLock
from service.warehouse.writer import Writer

log = get_logger(__name__)
WAIT_SECONDS = 60.0  # of a request, for the page to be made; a build may be under way
RETRY_SECONDS = 30.0  # after it could not be made


class DbtDocs:
    """The page of dbt's docs, one for all who ask.

    Whoever asks while it is made waits for the same page. It takes no lock of the writer, but a
    turn of dbt: builds and files wait for it as it does for them.
    """

    def __init__(self, settings: Settings, writer: Writer) -> None:
        self._settings, self._writer = settings, writer
        self._lock = threading.Lock()  # of what follows
        self._page: DocsPage | None = None
        self._is_current = False
        self._making: Future[DocsPage] | None = None
        self._failed_at: float | None = None  # time.monotonic()
        self._cancel: Cancel | None = None
        self._thread = ThreadPoolExecutor(1, "dbt-docs")

    def outdate(self) -> None:
        """A build has ended: who asks next gets a new page."""
        with self._lock:
            self._is_current, self._failed_at = False, None

    async def page(self, wait_seconds: float = WAIT_SECONDS) -> DocsPage:
        """The page as of the last build, or one from before if that takes too long.

        Raises:
            Unavailable: there is none, and it cannot be made, or not in that time.
        """
        asked = self._asked()
        if not isinstance(asked, Future):
            return asked
        # Whoever goes away does not take the page away from the others.
        waiting = asyncio.shield(asyncio.wrap_future(asked))
        try:
            return await asyncio.wait_for(waiting, wait_seconds)
        except TimeoutError:
            return self._older("dbt's docs are being made, or wait for a build to end", 5)
        except (BuildFailed, DictionaryError, Cancelled):
            return self._older("dbt's docs cannot be made; the log says why", int(RETRY_SECONDS))

    def cut_short(self) -> None:
        """Has what is under way end soon, and nothing begin."""
        with self._lock:
            if self._cancel is not None:
                self._cancel.ask("cancelled: the service was stopped")

    def stop(self) -> None:
        """Ends what is under way: no one waits for it any more."""
        self.cut_short()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _asked(self) -> DocsPage | Future[DocsPage]:
        with self._lock:
            if self._page is not None and self._is_current:
                return self._page
            if self._making is None:
                if self._failed_at and time.monotonic() < self._failed_at + RETRY_SECONDS:
                    return self._old_page("dbt's docs cannot be made; the log says why")
                self._is_current = True  # unless a build ends while it is made
                self._cancel = Cancel(self._settings.build_seconds, "build_seconds")
                self._making = self._thread.submit(self._make, self._cancel)
            return self._making

    def _older(self, why: str, retry_after: int) -> DocsPage:
        with self._lock:
            return self._old_page(why, retry_after)

    def _old_page(self, why: str, retry_after: int = int(RETRY_SECONDS)) -> DocsPage:
        if self._page is None:
            raise Unavailable(why, retry_after)
        return self._page

    def _make(self, cancel: Cancel) -> DocsPage:
        page = None
        try:
            with small_sweeps():
                page = generate(self._settings, BuildLock(self._writer), cancel)
            return page
        except Exception:
            log.exception("dbt_docs_failed")
            raise
        finally:
            with self._lock:
                self._page = page or self._page
                self._failed_at = None if page else time.monotonic()
                self._is_current = self._is_current and page is not None
                self._making = None
