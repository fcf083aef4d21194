"""Where everything is."""

import msgspec

from service import __version__

LINKS = {
    "tables": "/v1/tables",
    "loads": "/v1/loads",
    "rejections": "/v1/rejections",
    "backups": "/v1/backups",
    "reports": "/v1/reports",
    "builds": "/v1/builds",
    "keys": "/v1/keys",
    "trail": "/v1/trail",
    "hooks": "/v1/hooks",
    "dictionary": "/dictionary/",
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


INDEX = Index("gatehouse", __version__, LINKS)
