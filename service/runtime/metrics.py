"""Prometheus metrics of the service."""

from collections.abc import Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        # In one function although it is long: it is a list.
        self.registry = CollectorRegistry()
        self.rows = Counter(
            "gatehouse_rows",
            "Rows by table and what became of them.",
            ["table", "outcome"],
            registry=self.registry,
        )
        self.requests = Histogram(
            "gatehouse_request_seconds",
            "Time to answer a request, by route, method and status.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "gatehouse_writer_queue", "Requests that wait for the writer.", registry=self.registry
        )
        self.table_rows = Gauge(
            "gatehouse_table_rows", "Rows in a table.", ["table"], registry=self.registry
        )
        self.runs = Counter(
            "gatehouse_schedule_runs",
            "What was done by the clock.",
            ["job", "outcome"],
            registry=self.registry,
        )
        self.last_backup = Gauge(
            "gatehouse_last_scheduled_backup_timestamp_seconds",
            "The moment of the newest scheduled backup.",
            registry=self.registry,
        )
        self.verifications = Counter(
            "gatehouse_backup_verifications",
            "Backups that were read again by the clock.",
            ["outcome"],
            registry=self.registry,
        )
        self.damaged_backups = Gauge(
            "gatehouse_damaged_backups",
            "Backups that the last self-check found damaged.",
            registry=self.registry,
        )
        self.backup_copies = Counter(
            "gatehouse_backup_copies",
            "Backups that were copied to the second place, and verified there.",
            ["outcome"],
            registry=self.registry,
        )
        self.copies_waiting = Gauge(
            "gatehouse_backup_copies_waiting",
            "Backups that the second place has not yet.",
            registry=self.registry,
        )
        self.copy_lag = Gauge(
            "gatehouse_backup_copy_lag_seconds",
            "For how long the oldest of them has been waiting.",
            registry=self.registry,
        )

        self.shipments = Counter(
            "gatehouse_shipments",
            "Rounds in which changes were shipped to the lake, or could not be.",
            ["outcome"],
            registry=self.registry,
        )
        self.outbox_bytes = Gauge(
            "gatehouse_outbox_bytes",
            "Changes that wait to be shipped, in bytes.",
            registry=self.registry,
        )
        self.outbox_full = Gauge(
            "gatehouse_outbox_full",
            "1 while changes are not recorded: the outbox was full, or the first snapshot waits.",
            registry=self.registry,
        )
        self.lake_lag = Gauge(
            "gatehouse_lake_lag_seconds",
            "For how long the oldest change that is not in the lake has been waiting.",
            registry=self.registry,
        )

        # Cached, since looking up a labelled series takes longer than counting in it.
        self._rows = lru_cache(1000)(self.rows.labels)
        self._requests = lru_cache(1000)(self.requests.labels)

    def judged(self, table: str, counts: Mapping[str, int]) -> None:
        """Counts the rows of a request for `table`, by what became of them."""
        for outcome, count in counts.items():
            if outcome in ("accepted", "rejected") or (count and outcome != "received"):
                self._rows(table, outcome).inc(count)

    def warned(self, table: str, rows: int) -> None:
        """Counts rows that went into `table` though they break rules of severity `warn`."""
        self._rows(table, "warned").inc(rows)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts a request to `route` ("/v1/tables/{table}/rows") that took `seconds`."""
        self._requests(route, method, status).observe(seconds)

    def text(self) -> bytes:
        """All metrics in the Prometheus text format, version 0.0.4."""
        return generate_latest(self.registry)
