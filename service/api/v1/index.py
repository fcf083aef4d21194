"""GET /: where everything is."""

import msgspec
from litestar import Controller, get

from service import __version__
from service.api.http.describing import described

LINKS = {
    "tables": "/v1/tables",
    "loads": "/v1/loads",
    "rejections": "/v1/rejections",
    "backups": "/v1/backups",
    "reports": "/v1/reports",
    "builds": "/v1/builds",
    "keys": "/v1/keys",
    "trail": "/v1/trail",
    "schema": "/schema",
    "dbt_docs": "/dictionary/dbt/",
    "live": "/health/live",
    "ready": "/health/ready",
    "metrics": "/metrics",
}


class Index(msgspec.Struct):
    """The service and its links."""

    name: str
    version: str
    links: dict[str, str]


class IndexController(Controller):
    """The index."""

    path = "/"
    tags = ("about",)

    @get("/", operation_id="show_index", sync_to_thread=False, opt=described(role="open"))
    def show_index(self) -> Index:
        """Shows where everything is."""
        return Index("gatehouse", __version__, LINKS)
