"""What a build would change, said beforehand: rows, rejections, backups, clients."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from service.backups.catalogue import Catalogue
from service.backups.coming_dictionary import BackupsToCome, backups_to_come
from service.dictionary import Dictionary
from service.dictionary.dictionary_change import DictionaryChange
from service.dictionary.evolution import compare
from service.engines.duckdb import Database
from service.engines.engine import Connection
from service.errors import StoreUnavailable
from service.evolution.broken_rules import BrokenRules
from service.evolution.evolving import saved_dictionary
from service.evolution.lost_values import Effect, LostValues
from service.evolution.rejections_to_come import rejections_to_come


class PlannedChange(msgspec.Struct):
    """A change of the dictionary. `rows` lose a value by it, or break the rule; `first_keys` are
    primary keys as text. `refused` says why a build does not do it, `allowed_by` what has to be
    said for it to be done. Who `breaks_clients` is a client of the OpenAPI document of before.
    """

    kind: str
    table: str
    column: str | None
    rule: str | None
    was: str | None
    becomes: str | None
    described: str
    breaks_clients: bool
    rows: int = 0
    first_keys: list[str] = msgspec.field(default_factory=list)
    refused: str | None = None
    allowed_by: str | None = None


class PlannedRejections(msgspec.Struct):
    """The open rejections of a table; of those `judged`, how many fit by themselves now and then.

    `unnamed` have values of columns that the table will not have.
    """

    table: str
    open: int
    judged: int
    fit_before: int
    fit_then: int
    unnamed: int


class PlannedBackups(msgspec.Struct):
    """Backups of a table that have the same schema, and how they can be restored then.

    `left_out`, `filled` and `renamed` are those of a restore; `refused` says why there is none.
    """

    table: str
    backups: int
    newest: str
    left_out: list[str]
    filled: list[str]
    renamed: dict[str, str]
    refused: str | None


class BuildPlan(msgspec.Struct):
    """What a build would change. It is `refused` where values would be lost, or one does not fit.

    `backups` is null where the place of the backups is away.
    """

    refused: bool
    changes: list[PlannedChange]
    rejections: list[PlannedRejections]
    backups: list[PlannedBackups] | None


def plan(
    database: Database, catalogue: Catalogue, new: Dictionary, allowed: Collection[str]
) -> BuildPlan:
    """What a build by the dictionary `new` would change, if what is `allowed` may be lost."""
    with database.reading() as connection:
        old = saved_dictionary(connection)
        changes = compare(old, new)
        if old is None or not changes:
            return BuildPlan(False, [], [], [])
        effects = _effects(connection, old, new, changes, allowed)
        rejections = list(rejections_to_come(connection, old, new))
    planned = [_change(each, effects.get(each, ())) for each in changes]
    return BuildPlan(
        any(each.refused for each in planned),
        planned,
        [msgspec.convert(each, PlannedRejections, from_attributes=True) for each in rejections],
        _backups(catalogue, new),
    )


def _effects(
    connection: Connection,
    old: Dictionary,
    new: Dictionary,
    changes: Sequence[DictionaryChange],
    allowed: Collection[str],
) -> Mapping[DictionaryChange, list[Effect]]:
    lost, found = LostValues(connection, old, new, allowed), dict[DictionaryChange, list[Effect]]()
    for change in changes:
        if change.alters:
            found[change] = [lost.of(change)]
    if not any(each.refused for effects in found.values() for each in effects):
        for effect in BrokenRules(connection, old, new).of(changes):
            found.setdefault(effect.change, []).append(effect)
    return found


def _change(change: DictionaryChange, effects: Sequence[Effect]) -> PlannedChange:
    worst = max(effects, key=lambda each: (each.refused is not None, each.rows), default=None)
    planned = PlannedChange(
        *(change.kind, change.table, change.column, change.rule, change.was, change.becomes),
        *(change.described, change.breaks_clients),
    )
    if worst is not None:
        planned.rows, planned.first_keys = worst.rows, [*map(str, worst.first_keys)]
        planned.refused, planned.allowed_by = worst.refused, worst.allowed_by
    return planned


def _backups(catalogue: Catalogue, new: Dictionary) -> list[PlannedBackups] | None:
    try:
        return [_backup(each) for each in backups_to_come(catalogue, new)]
    except StoreUnavailable:
        return None


def _backup(found: BackupsToCome) -> PlannedBackups:
    columns = found.columns
    return PlannedBackups(
        *(found.table, found.backups, found.newest),
        [*columns.left_out],
        [*columns.filled],
        {**columns.renamed},
        found.refused,
    )
