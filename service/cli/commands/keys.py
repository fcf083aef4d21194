"""Commands about keys, and the trail that those leave who hold them.

Who can write to the file with the keys may make and revoke them: without --url no service is
asked, so that the first key can be made before there is one, and a lost one be replaced.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from service.access.roles import ROLES
from service.cli import output
from service.cli.invocation import Run, command, segment

if TYPE_CHECKING:
    from service.access.keys_file import Key

COLUMNS = [
    "name", "role", "created_at", "created_by", "expires_at", "last_used_at", "revoked_at",
    "revoked_by",
]  # fmt: skip
_is_days = re.compile(r"([1-9]\d{0,4})d").fullmatch


def _moment(_context: click.Context, option: click.Parameter, said: str | None) -> datetime | None:
    """From a day or moment in ISO 8601, in UTC if it says no more, or ``90d`` from now (or ago)."""
    if said is None:
        return None
    if days := _is_days(said):
        span = timedelta(days=int(days[1]))
        now = datetime.now(UTC).replace(microsecond=0)
        return now - span if option.name == "since" else now + span
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise click.BadParameter(f"{said} is neither 90d nor 2027-01-31") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of the service.

    From the first key on, every request needs one; until then only this machine is served.
    """


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the key may do.")
@click.option(
    "--expires", "expires_at", callback=_moment, metavar="90d|DAY", help="How long it is good."
)
@command
def create(run: Run, name: str, role: Any, expires_at: datetime | None) -> None:
    """Make a key, and print it this once.

    A reader reads, a writer also inserts, an operator also makes and restores backups, builds,
    deletes, and makes keys. The first key must be an operator's.
    """
    if run.url:
        asked = {"name": name, "role": role, "expires_at": expires_at and expires_at.isoformat()}
        with run.connect() as client:
            made = client.post("/v1/keys", asked)
    else:
        made = _create(run, name, role, expires_at)
    if run.as_json:
        output.print_json(made)
    else:
        output.line(made["key"])
        output.note(f"the key of {name} ({role}) is shown this once; keep it safe")


def _create(run: Run, name: str, role: Any, expires_at: datetime | None) -> dict[str, Any]:
    from service.access import keys_file
    from service.api.http.authentication import local_caller

    args = run.settings.keys_file, name, role, expires_at, local_caller().name
    with _told():
        key, secret = keys_file.create(*args)
    return {**{each: _shown(key)[each] for each in ("name", "role", "expires_at")}, "key": secret}


@keys.command("list")
@command
def list_keys(run: Run) -> None:
    """List the keys (not themselves), the revoked ones too."""
    if run.url:
        with run.connect() as client:
            found = client.get("/v1/keys")["keys"]
    else:
        from service.access import keys_file

        with _told():
            found = [_shown(key) for key in keys_file.read(run.settings.keys_file)]
    run.show(found, found, COLUMNS)


@keys.command()
@click.argument("name")
@command
def revoke(run: Run, name: str) -> None:
    """Make a key of no use, from now on and for ever."""
    if run.url:
        with run.connect() as client:
            client.delete(f"/v1/keys/{segment(name)}")
    else:
        from service.access import keys_file
        from service.api.http.authentication import local_caller

        with _told():
            keys_file.revoke(run.settings.keys_file, name, local_caller().name)
    output.note(f"the key {name} is of no use any more")


def _shown(key: "Key") -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(key)
    del shown["sha256"]
    return shown


@contextmanager
def _told() -> Iterator[None]:
    """Tells what the file will not have done to it as a failure of the command."""
    from service.access.keys_file import DamagedKeys
    from service.cli.failures import Failure
    from service.errors import Problem

    try:
        yield
    except Problem as error:
        raise Failure(error.detail) from error
    except DamagedKeys as error:
        hint = "put it back from a copy; without it no one is let in"
        raise Failure(str(error), hint) from error


@click.command()
@click.option("--actor", help="Only what was done with the key of this name.")
@click.option("--action", help="Only this, such as `restore`, `backup.delete` or `load`.")
@click.option("--since", callback=_moment, metavar="90d|DAY", help="Only from then on.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@command
def trail(
    run: Run, actor: str | None, action: str | None, since: datetime | None, limit: int
) -> None:
    """Show who did what and when, newest first."""
    wanted = {"actor": actor, "action": action, "since": since and since.isoformat()}
    with run.connect() as client:
        found = client.pages("/v1/trail", "entries", limit, **wanted)
    run.show(found, found, ["happened_at", "actor", "action", "subject", "detail"])
