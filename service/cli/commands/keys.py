"""`gatehouse keys`: makes, lists and revokes API keys.

Without --url these commands edit the key file and ask no service. So the first key can be made
before a service runs, and a lost one replaced. Whoever may write to that file may do so.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from service.access.roles import DEEDS, ROLES, in_words
from service.cli import consent, output
from service.cli.dates import date_option
from service.cli.failures import Failure
from service.cli.invocation import Run, command, local_command, segment

if TYPE_CHECKING:
    from service.access.keys_file import Key

COLUMNS = [
    "name", "role", "created_at", "created_by", "expires_at", "last_used_at",
    "tables", "only", "revoked_at", "revoked_by",
]  # fmt: skip


@click.group()
def keys() -> None:
    """Make, list and revoke the keys of the service.

    From the first key on, every request needs one; until then only this machine is served.
    """


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the key may do.")
@click.option(
    "--expires", "expires_at", callback=date_option, metavar="90d|DAY", help="How long it is good."
)
@click.option("--tables", metavar="TABLE,…", help="The tables that it is for. Default: all.")
@click.option(
    "--only", metavar="DEED,…", help=f"What of it: {', '.join(DEEDS)}. Default: all of the role."
)
@command
def create(
    run: Run,
    name: str,
    role: Any,
    expires_at: datetime | None,
    tables: str | None,
    only: str | None,
) -> None:
    """Make a key, and print it this once.

    A reader reads, a writer also inserts, an operator also makes and restores backups, builds,
    deletes, and makes keys. With --tables or --only it may do less: nothing that is of the whole
    warehouse, and no page. The first key must be an operator's. Where the file with the keys is
    lost, this makes a new one, and keys of before are of no use.
    """
    narrowed: Any = {"tables": _names(tables), "only": _names(only)}
    if run.url:
        asked = {"name": name, "role": role, "expires_at": expires_at and expires_at.isoformat()}
        asked |= {name: value for name, value in narrowed.items() if value}
        with run.connect() as client:
            made = client.post("/v1/keys", asked)
    else:
        made = _create(run, name, role, expires_at, **narrowed)
    if run.as_json:
        output.print_json(made)
    else:
        output.line(made["key"])
        may = in_words(role, **narrowed)
        output.note(f"the key of {name} ({may}) is shown this once; keep it safe")


def _names(said: str | None) -> list[str] | None:
    return None if said is None else [each.strip() for each in said.split(",") if each.strip()]


def _create(
    run: Run, name: str, role: Any, expires_at: datetime | None, tables: Any, only: Any
) -> dict[str, Any]:
    from service.access import keys_file
    from service.api.http.authentication import local_caller

    args = run.settings.keys_file, name, role, expires_at, local_caller().name
    with _as_failure():
        _check_tables(run, tables or ())
        key, secret = keys_file.create(*args, tables=tables, only=only)
    shown = ("name", "role", "expires_at", "tables", "only")
    return {**{each: _shown(key)[each] for each in shown}, "key": secret}


def _check_tables(run: Run, tables: Sequence[str]) -> None:
    """Raises UnknownTable for one that there is not, if that can be known."""
    from service.errors import UnknownTable

    known = _known_tables(run) if tables else None
    for table in tables:
        if known is not None and table not in known:
            raise UnknownTable(table, [*known])


def _known_tables(run: Run) -> Sequence[str] | None:
    """The tables of the service that runs here, or of the warehouse; None: no one says."""
    from service.cli.inside import table_names
    from service.runtime.running import find

    with suppress(Failure):
        if not find(run.settings):
            return table_names(run.settings)
        with run.connect() as client:  # it may want a key, which may be what is to be made
            return [each["name"] for each in client.get("/v1/tables")]
    return None


@keys.command("list")
@command
def list_keys(run: Run) -> None:
    """List the keys (not themselves), the revoked ones too."""
    if run.url:
        with run.connect() as client:
            found = client.get("/v1/keys")["keys"]
    else:
        from service.access import keys_file

        with _as_failure():
            found = [_shown(key) for key in keys_file.read(run.settings.keys_file)]
    rows = [{**each, **{n: " ".join(each[n] or ()) for n in ("tables", "only")}} for each in found]
    run.show(found, rows, COLUMNS)


@keys.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Also the last operator's key.")
@consent.yes_option
@command
def revoke(run: Run, name: str, force: bool, yes: bool) -> None:
    """Make a key of no use, from now on and for ever.

    Without an operator's key, new keys can be made by this command on the machine alone.
    """
    consent.require(yes, f"gatehouse keys revoke {name}")
    if not yes:
        consent.confirm(f"Make the key {name} of no use, for ever?")
    if run.url:
        with run.connect() as client:
            client.delete(f"/v1/keys/{segment(name)}", force="true" if force else None)
    else:
        from service.access import keys_file
        from service.api.http.authentication import local_caller

        with _as_failure():
            keys_file.revoke(run.settings.keys_file, name, local_caller().name, force=force)
    output.note(f"the key {name} is of no use any more")


@keys.command()
@consent.yes_option
@local_command
def disable(run: Run, yes: bool) -> None:
    """Need no keys any more: drop all of them, and serve only this machine.

    It is for the machine on which the warehouse lies, while no service runs there. Where the file
    with the keys is lost, it is one of two ways back in; to make a new operator's key is the other.
    """
    from service.cli.inside import disable_keys

    which = "all keys" if run.settings.keys_file.exists() else "the keys whose file is gone"
    consent.require(yes, "gatehouse keys disable")
    if not yes:
        consent.confirm(f"Drop {which}, so that whoever is on this machine may do everything?")
    disable_keys(run.settings)
    output.note("no key is needed any more; only this machine is served")


def _shown(key: "Key") -> dict[str, Any]:
    """A key as JSON has it, without its hash."""
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(key)
    del shown["sha256"]
    return shown


@contextmanager
def _as_failure() -> Iterator[None]:
    """Turns an error of the key file into a failure of the command."""
    from service.access.keys_file import DamagedKeys, LastOperator
    from service.errors import Problem

    try:
        yield
    except LastOperator as error:
        raise Failure(error.detail, "--force revokes it all the same") from error
    except Problem as error:
        raise Failure(error.detail) from error
    except DamagedKeys as error:
        hint = "put it back from a copy; without it no one is let in"
        raise Failure(str(error), hint) from error
