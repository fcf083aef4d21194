"""What Tab completes besides commands and options: names that the warehouse knows.

A completion that cannot be had is none: nothing is said, and nothing is waited for.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import click
from click.shell_completion import CompletionItem

from service.cli.failures import Failure
from service.cli.invocation import current_settings, segment
from service.errors import Problem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
Entry = dict[str, Any]
MOST = 200  # of what there may be many of, the newest


def _asked(context: click.Context, path: str, **query: Any) -> Any:
    """What the service answers, or the app in this process; None where no one does."""
    from service.cli.client import connect
    from service.cli.inside import is_built
    from service.runtime.running import find

    url = context.params.get("url") or os.environ.get("GATEHOUSE_URL") or None
    try:
        with redirect_stderr(StringIO()):
            settings = current_settings()
            if url is None and not find(settings):
                is_built(settings)  # where another process has it, a client would wait
            with connect(settings, url) as client:
                return client.get(path, **query)
    except (Failure, Problem, OSError):
        return None


def _completer(
    path: str,
    name: str,
    words: Callable[[Entry], str],
    member: str | None = None,
    more: Iterable[str] = (),
    **query: Any,
) -> Completer:
    """Completes the `name` of each entry of a list; `words` say what it is, where shells show it.

    A part ``{table}`` of the path is the table that was named before.
    """

    def complete(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
        table = context.params.get("table") or ""
        answer = _asked(context, path.format(table=segment(table)), **query)
        entries = (answer[member] if member else answer) if answer else []
        found = {each[name]: words(each) for each in entries if each[name]}
        items = [CompletionItem(value, help=help_) for value, help_ in found.items()]
        items += [CompletionItem(value) for value in more]
        return [item for item in items if item.value.startswith(begun)]

    return complete


def _of_backup(backup: Entry) -> str:
    return f"{backup['table']}, {backup['rows']:,} rows, {backup['created_at'][:19]}Z"


def _of_load(load: Entry) -> str:
    return f"{load['kind']}, {load['status']}, {load['started_at'][:19]}Z"


def _of_rejection(rejection: Entry) -> str:
    return f"{rejection['table']} {rejection['position']}, {rejection['status']}"


_BACKUPS: Any = {"name": "backup_id", "words": _of_backup, "member": "backups", "limit": MOST}
_LOADS: Any = {"name": "load_id", "words": _of_load, "member": "loads", "limit": MOST}

tables = _completer("/v1/tables", "name", lambda table: str(table["description"]))
hooks = _completer("/v1/hooks", "name", lambda hook: " ".join(hook["on"]), "hooks")
reports = _completer("/v1/reports", "name", lambda report: str(report["description"]))
backups = _completer("/v1/backups", **_BACKUPS)
backups_of_table = _completer("/v1/tables/{table}/backups", **_BACKUPS, more=["latest"])
sets = _completer("/v1/backups", **{**_BACKUPS, "name": "set_id"})
loads = _completer("/v1/loads", **_LOADS)
running_loads = _completer("/v1/loads", **_LOADS, status="running")
builds = _completer("/v1/builds", "build_id", lambda build: str(build["status"]), "builds")
rejections = _completer(
    "/v1/rejections", "rejection_id", _of_rejection, "rejections", limit=MOST, status="open"
)
rules = _completer("/v1/rejections/summary", "rule", lambda _: "", "counts")
