"""What all commands share: settings, `--json`, `--url`, exit codes."""

import functools
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from service.cli import output
from service.cli.failures import WrongSettings, told

if TYPE_CHECKING:
    from service.cli.client import Client
    from service.runtime.settings import Settings


def segment(name: str) -> str:
    """`name` as one segment of a URL's path, percent-encoded."""
    return quote(name, safe="")


@dataclass(frozen=True)
class Run:
    """One run of a command: its settings, the service's URL if given, the output format."""

    settings: "Settings"
    url: str | None
    as_json: bool

    def connect(self) -> "AbstractContextManager[Client]":
        """A client of the service at `url`, of the one that runs here, or of an app of its own."""
        from service.cli.client import connect

        return connect(self.settings, self.url)

    def show_entries(
        self,
        answer: Any,
        rows: Iterable[output.Row],
        columns: list[str],
        told: Callable[[output.Row], list[str]],
    ) -> None:
        """As `show`; on a terminal each row has the lines that `told` gives."""
        if self.as_json:
            output.print_json(answer)
        else:
            output.entries(rows, columns, told)

    def show(self, answer: Any, rows: Iterable[output.Row], columns: list[str]) -> None:
        """`answer` as JSON if that is asked for, else `rows` as a table."""
        if self.as_json:
            output.print_json(answer)
        else:
            output.table(rows, columns)


def local_command(body: Callable[..., int | None]) -> Callable[..., None]:
    """Gives `body` a Run as its first argument, and exits with the code it returns."""

    @click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
    @functools.wraps(body)
    def run(as_json: bool, url: str | None = None, **arguments: Any) -> None:
        with told(as_json):
            code = body(Run(current_settings(), url, as_json), **arguments)
        if code:
            sys.exit(code)

    return run


def command(body: Callable[..., int | None]) -> Callable[..., None]:
    """As `local_command`, with `--url` for a service elsewhere."""
    url = click.option(
        "--url", envvar="GATEHOUSE_URL", callback=_checked, help="The service to talk to."
    )
    return url(local_command(body))


def is_of_subcommand(run: Run) -> bool:
    """Whether a subcommand of the group is called, which then has what was said of `run`."""
    context = click.get_current_context()
    if not context.invoked_subcommand:
        return False
    group = context.command
    assert isinstance(group, click.Group)
    given = {"as_json": run.as_json, "url": run.url}
    context.default_map = dict.fromkeys(group.commands, given)
    return True


def _checked(_context: click.Context, _option: click.Parameter, url: str | None) -> str | None:
    if url and not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"{url} does not start with http:// or https://")
    return url or None


def current_settings() -> "Settings":
    """The settings of the environment; raises WrongSettings."""
    from service.runtime.settings import SettingsError, load_settings

    try:
        return load_settings()
    except SettingsError as error:
        raise WrongSettings(str(error), "docs/settings.md explains every setting") from error
