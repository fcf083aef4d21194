"""A warehouse made anew, for `gatehouse recover`: from the history and backups that are whole."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from service.cli import output
from service.cli.failures import Failure, Refused
from service.cli.invocation import Run, segment

if TYPE_CHECKING:
    from service.backups.catalogue import Catalogue, Entry
    from service.cli.client import Client
    from service.runtime.settings import Settings

Restored = dict[str, Any]


def make_anew(run: Run) -> list[Restored]:
    """Builds the warehouse of `run`, where there is none, and restores into it; what it restored.

    Raises:
        Failure: the history cannot be built.
    """
    _build(run.settings)
    return _restore(run, _whole_backups(run))


def _build(settings: "Settings") -> None:
    from service.dbt.runner import build_offline
    from service.runtime.interpreter import collect_less

    collect_less()
    with output.progress("building from the history"):
        build = build_offline(settings)
    if build.status != "done":
        output.message(build.message)
        raise Failure("the history cannot be built", "nothing was changed")


def _whole_backups(run: Run) -> "list[list[Entry]]":
    """Complete sets of backups, then single backups; newest first.

    Those in the first place, or, where that is away or has none, their copies.
    """
    from service.errors import NotFound
    from service.gate import places_of

    try:
        found = places_of(run.settings).find(None, _listed)
    except NotFound:
        return []
    if found.place == "copy":
        output.note(f"the backups are away: their copies in {found.catalogue.store.name} are read")
    ids = dict.fromkeys(entry.set_id for entry in found.entries if entry.set_id)
    sets = [_complete(found.catalogue, set_id) for set_id in ids]
    return [each for each in sets if each] + [[entry] for entry in found.entries]


def _listed(catalogue: "Catalogue") -> "list[Entry]":
    from service.errors import NotFound

    entries = [entry for entry in catalogue.list() if entry.kind != "safety"]
    if not entries:
        raise NotFound("there is no backup")
    return entries


def _complete(catalogue: "Catalogue", set_id: str) -> "list[Entry]":
    from service.errors import Conflict

    try:
        return list(catalogue.of_set(set_id))
    except Conflict:
        return []


def _restore(run: Run, found: "Sequence[Sequence[Entry]]") -> list[Restored]:
    """Restores the newest intact set, then the newest intact backup of each table that it lacks."""
    done: dict[str, Restored] = {}
    with run.connect() as client, output.progress("restoring", len(found)) as step:
        tables = {table["name"] for table in client.get("/v1/tables")}
        for entries in found:
            step(1)
            names = {entry.table for entry in entries}
            if names & done.keys() or not names <= tables or not _verified(client, entries):
                continue
            for each in _restored(client, entries):
                done[each["table"]] = {**each, "created_at": entries[0].created_at}
    return list(done.values())


def _verified(client: "Client", entries: "Sequence[Entry]") -> bool:
    for entry in entries:
        answer = client.post(f"/v1/backups/{segment(entry.backup_id)}/verify")
        if not answer["ok"]:
            output.note(f"{entry.backup_id} is damaged: {output.cell(answer['problems'])}")
            return False
    return True


def _restored(client: "Client", entries: "Sequence[Entry]") -> list[Restored]:
    try:
        if len(entries) > 1 and entries[0].set_id:
            answer = client.post("/v1/restore", {"set_id": entries[0].set_id})["tables"]
        else:
            path = f"/v1/tables/{segment(entries[0].table)}/restore"
            answer = [client.post(path, {"backup_id": entries[0].backup_id})]
    except Refused as refused:
        output.note(f"{entries[0].backup_id} cannot be restored: {refused.message}")
        return []
    for each in answer:  # of what was just built, which no one needs
        with suppress(Refused):  # a place is away
            client.delete(f"/v1/backups/{segment(each['safety_backup_id'])}")
    return list(answer)
