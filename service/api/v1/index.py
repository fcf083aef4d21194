"""Where everything is."""

import msgspec

from service import __version__

# Where each subject begins; some are for POST alone.
LINKS = {
    "tables": "/v1/tables",
    "rows": "/v1/rows",
    "loads": "/v1/loads",
    "rejections": "/v1/rejections",
    "warnings": "/v1/warnings",
    "audit": "/v1/audit",
    "backups": "/v1/backups",
    "restore": "/v1/restore",
    "tasks": "/v1/tasks",
    "changes": "/v1/changes",
    "lake": "/v1/lake",
    "builds": "/v1/builds",
    "copies": "/v1/copies",
    "reports": "/v1/reports",
    "hooks": "/v1/hooks",
    "keys": "/v1/keys",
    "trail": "/v1/trail",
    "contracts": "/v1/dictionary",
    "dictionary": "/dictionary/",
    "dbt_docs": "/dictionary/dbt/",
    "schema": "/schema",
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
