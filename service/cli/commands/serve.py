"""`gatehouse serve`: runs the service."""

import errno
import signal
import socket
import sys
from dataclasses import replace
from functools import partial

import click

from service.cli import output
from service.cli.builds import build_and_tell
from service.cli.failures import Failure, Unreachable, WrongSettings
from service.cli.invocation import Run, local_command

PAGES = {
    "/": "where things are",
    "/dictionary/": "tables and rules, in words",
    "/schema": "every call",
    "/v1/tables": "the tables",
}


@click.command()
@click.option("--host", help="The address to listen at, instead of the setting.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port, instead of the setting.")
@click.option(
    "--standby", is_flag=True, help="While another service has the warehouse, wait; then take over."
)
@local_command
def serve(run: Run, host: str | None, port: int | None, standby: bool) -> None:
    """Serve until SIGTERM or Ctrl-C; where there is no warehouse, build it first."""
    import msgspec

    from service.runtime.running import find

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _check_hooks(run)
    given = {"host": host, "port": port, "standby": standby or None}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = msgspec.structs.replace(run.settings, **changed)
    if not settings.standby and (url := find(settings)):
        raise Unreachable(
            f"a service has this warehouse already: {url}",
            "`gatehouse serve --standby` waits, and takes over when that one ends",
        )
    _serve(replace(run, settings=settings))


def _prepare(run: Run) -> None:
    """Has a warehouse be there, with backups of its own, and a first key where one is set.

    Raises:
        AlreadyRunning: this is a standby, and another was faster.
    """
    from service.api.http.standby_server import is_taken
    from service.cli.inside import Locked, is_built, make_ready
    from service.runtime.running import AlreadyRunning

    try:
        if not is_built(run.settings):
            output.note(f"no warehouse at {run.settings.warehouse} yet; building it")
            build_and_tell(run)
        make_ready(run.settings)
        _check_tables_of_hooks(run)
    except Unreachable as error:
        if run.settings.standby and (isinstance(error, Locked) or is_taken(run.settings)):
            raise AlreadyRunning(None) from error
        raise


def _check_hooks(run: Run) -> None:
    """Raises WrongSettings where someone could not be told: before anything else is done."""
    from service.notices.hooks_file import WrongHooks, hooks_of, secrets_of

    try:
        for hook in hooks_of(run.settings):
            secrets_of(hook)
    except WrongHooks as error:
        raise WrongSettings(str(error), "docs/hooks.md explains the file") from error


def _check_tables_of_hooks(run: Run) -> None:
    """Raises WrongSettings where a hook would wait in vain for loads of a table."""
    from service.cli.inside import table_names
    from service.notices.hooks_file import hooks_of

    wanted = {table: hook.name for hook in hooks_of(run.settings) for table in hook.tables or ()}
    missing = sorted(wanted.keys() - set(table_names(run.settings))) if wanted else ()
    for table in missing:
        raise WrongSettings(
            f"the hook {wanted[table]}: there is no table {table}", "`gatehouse tables` lists them"
        )


def _serve(run: Run) -> None:
    """Serves until a signal comes.

    Raises:
        WrongSettings: the address is not one to listen at.
        Unreachable: it is taken, or the service does not start; the log says why.
    """
    from service.api.http.server import BadCertificate, NotLoopback, serve
    from service.api.http.standby_server import wait
    from service.app import create_app, create_standby_app
    from service.runtime import logs

    answered = False
    settings = run.settings

    def on_ready(url: str) -> None:
        nonlocal answered
        answered = True
        _announce(run, url)

    def wait_here(listener: socket.socket) -> bool:
        nonlocal answered
        answered = not wait(create_standby_app(), settings, listener, partial(_waits, run))
        return not answered

    logs.configure(settings)
    try:
        serve(
            create_app,
            settings,
            on_ready,
            partial(_prepare, run),
            wait_here if settings.standby else None,
        )
    except (NotLoopback, BadCertificate) as error:
        raise WrongSettings(error.detail) from error
    except OSError as error:
        if error.filename:  # of a file, then, and not of the address
            raise
        raise _cannot_listen(run, error) from error
    if not answered:
        raise Unreachable("the service did not start")


def _cannot_listen(run: Run, error: OSError) -> Failure:
    host, port = run.settings.host, run.settings.port
    if error.errno == errno.EADDRINUSE:
        return Unreachable(f"port {port} is taken", "`gatehouse serve --port` takes another")
    return WrongSettings(f"cannot listen at {host}, port {port}: {error.strerror or error}")


def _waits(run: Run, url: str) -> None:
    if run.as_json:
        output.print_json({"standby": url})
    else:
        output.line(
            f"Gatehouse waits at {url}, as the standby of another service. Ctrl-C stops it."
        )


def _announce(run: Run, url: str) -> None:
    if run.as_json:
        output.print_json({"url": url})
        return
    output.line(f"Gatehouse is at {url}")
    for path, what in PAGES.items():
        output.line(f"  {url}{path:13} {what}")
    output.line("README.md says how to insert, back up and restore. Ctrl-C stops it.")
