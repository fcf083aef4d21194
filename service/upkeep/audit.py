"""The audit: whether what is stored follows from what is on record, in one snapshot.

Inserts go on meanwhile: everything in the warehouse is looked at in one snapshot.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from service.backups.catalogue import Catalogue, Entry
from service.backups.verifying import verify
from service.dictionary import Dictionary, Table
from service.engines.engine import Connection
from service.engines.sql import core, count_rows, quoted
from service.errors import NotFound, RulesBroken, StoreUnavailable
from service.judge.findings import Findings
from service.judge.relations import check_unique, dangling_rows
from service.ops.sequences import ids_not_noted
from service.ops.stored_counts import gone_tables, stored_counts
from service.runtime.wording import counted
from service.upkeep.audit_queries import ACCOUNTED, ADDED_UP, LANDED, LINES_OF_FILES, UNLISTED
from service.warehouse.losses import Losses, missing

MAX_NAMED = 10  # problems that a check names one by one
ROWS = 100_000  # judged at once


class AuditCheck(msgspec.Struct):
    """Something that was looked at; `detail` says how much, or what is wrong."""

    name: str
    ok: bool
    detail: str


class Audit(msgspec.Struct):
    """All that was looked at; it is `ok` if every check is."""

    ok: bool
    checks: list[AuditCheck]


def audit(
    connection: Connection,
    dictionary: Dictionary,
    catalogue: Catalogue,
    noted: Mapping[str, int] | Losses | None = None,
) -> Audit:
    """Checks everything that `connection`, in a transaction, sees, and all backups.

    `noted` is what the journal of commits said before that transaction began, or what was found to
    be missing when the warehouse was opened.
    """
    checks = [_what_was_acknowledged(connection, noted or {})]
    checks += [_loads_add_up(connection), _rejections_on_record(connection)]
    checks.append(_lines_add_up(connection, dictionary))
    for table in dictionary.tables.values():
        checks.append(_rows_follow(connection, table))
        checks.append(_rules_hold(connection, dictionary, table))
        if table.generated:
            checks.append(_ids_noted(connection, table))
    checks.append(_backups_whole(dictionary, catalogue))
    return Audit(all(check.ok for check in checks), checks)


def _check(name: str, problems: Sequence[str], fine: str) -> AuditCheck:
    named = list(problems[:MAX_NAMED])
    if len(problems) > MAX_NAMED:
        named.append(f"and {len(problems) - MAX_NAMED} more")
    return AuditCheck(name, not problems, "; ".join(named) or fine)


def _what_was_acknowledged(connection: Connection, noted: Mapping[str, int] | Losses) -> AuditCheck:
    """All that the journal of commits says is there."""
    lost = noted if isinstance(noted, Losses) else None
    if not isinstance(noted, Losses):
        gone, found = gone_tables(connection), stored_counts(connection)
        if less := missing({n: count for n, count in noted.items() if n not in gone}, found):
            lost = Losses(missing=less)
    fine = "all that was noted is there" if noted else "there is no journal"
    return _check("acknowledged rows", lost.described() if lost else [], fine)


def _loads_add_up(connection: Connection) -> AuditCheck:
    """For every load, received = accepted + rejected + already_present + changed + removed."""
    problems = [
        f"load {load_id} of {table}: {received} received is not {accepted} accepted"
        f" + {rejected} rejected + {present} already present + {changed} changed"
        f" + {removed} removed"
        for (
            *(load_id, table, received, accepted, rejected, present, changed, removed),
        ) in connection.execute(ADDED_UP).fetchall()
    ]
    (count,) = connection.execute("select count(*) from ops.loads").fetchall()[0]
    return _check("loads add up", problems, counted(count, "load"))


def _rejections_on_record(connection: Connection) -> AuditCheck:
    """The rejections of each load are those that it counts."""
    problems = [
        f"{kind} {load_id} of {table}: {rejected} rejected, {on_record} on record"
        for load_id, table, kind, rejected, on_record in connection.execute(UNLISTED).fetchall()
    ]
    problems += [
        f"{counted(count, 'rejection')} of {table} of load {load_id}, which is not on record"
        for load_id, table, count in connection.execute(
            "select load_id, table_name, count(*) from ops.rejections"
            " anti join ops.loads using (load_id, table_name) group by all order by all"
        ).fetchall()
    ]
    (count,) = connection.execute("select count(*) from ops.rejections").fetchall()[0]
    return _check("rejections on record", problems, counted(count, "rejection"))


def _lines_add_up(connection: Connection, dictionary: Dictionary) -> AuditCheck:
    """Each line of a file is told as one of: header, blank, skipped, of a record.

    What was landed last, of each table, has the lines that its load counts, none of them twice.
    """
    problems = [
        f"load {load_id} of {table}: {lines} lines is not {header} of the header + {blank} blank"
        f" + {skipped} skipped + {of_records} of records"
        for load_id, table, lines, header, blank, skipped, of_records in connection.execute(
            LINES_OF_FILES
        ).fetchall()
    ]
    for name in dictionary.tables:
        query = LANDED.format(raw=f"raw.{quoted(name)}")
        wrong = connection.execute(query, [name]).fetchall()
        problems += [_landed_otherwise(name, *found) for found in wrong]
    (count,) = connection.execute("select count(record_lines) from ops.loads").fetchall()[0]
    return _check("lines add up", problems, counted(count, "file"))


def _landed_otherwise(
    table: str,
    load_id: str,
    records: int,
    received: int,
    lines: int,
    in_load: int,
    last: int,
    all_lines: int | None,
    shared: int,
) -> str:
    said = f"load {load_id} of {table}: "
    if records != received:
        return said + f"{records} records are landed, {received} were received"
    if lines != in_load:
        return said + f"the records landed have {lines} lines, the load counts {in_load}"
    if shared:
        return said + f"{shared} records share lines with the next one"
    return said + f"line {last} is landed, the file has {all_lines}"


def _rows_follow(connection: Connection, table: Table) -> AuditCheck:
    """A table has the rows that its last restore left it with, and those accepted since."""
    loads, accounted = connection.execute(ACCOUNTED, {"table": table.name}).fetchall()[0]
    rows, problems = count_rows(connection, table.name), []
    if rows != accounted:
        problems.append(f"it has {counted(rows, 'row')}, the loads account for {int(accounted):,}")
        if not loads:
            problems.append("no load is on record: the rows came before any, or past the gate")
    return _check(f"rows of {table.name}", problems, counted(rows, "row"))


def _ids_noted(connection: Connection, table: Table) -> AuditCheck:
    """No row has an id that is yet to be given."""
    found, problems = ids_not_noted(connection, table), list[str]()
    if found:
        problems.append(f"it has the id {found[0]}, the last one on record is {found[1]}")
    return _check(f"ids of {table.name}", problems, "none is yet to be given")


def _rules_hold(connection: Connection, dictionary: Dictionary, table: Table) -> AuditCheck:
    """Every row passes every rule of today."""
    problems = list(_broken(connection, dictionary, table))
    rules = sum(len(column.rules) for column in (*table.columns, *table.combined))
    return _check(f"rules of {table.name}", problems, f"{rules} rules")


def _broken(connection: Connection, dictionary: Dictionary, table: Table) -> Iterator[str]:
    findings = Findings(table)
    columns = ", ".join(map(quoted, table.column_names))
    rows = connection.execute(f"select {columns} from {core(table.name)}")
    for batch in rows.to_arrow_reader(ROWS):
        findings.look_at(batch)
    for breach in findings.breaches:
        yield _named(table, breach.described())
    try:
        check_unique(connection, table, table.unique_columns, core(table.name))
    except RulesBroken as error:
        for each in error.members["violations"]:
            yield _named(table, each)
    for column in table.referring_columns:
        if dangling := dangling_rows(connection, dictionary, table, column, _kept):
            yield _named(table, dangling)


def _kept(table: Table) -> str:
    return core(table.name)


def _named(table: Table, broken: dict[str, Any]) -> str:
    ids = ", ".join(map(str, broken["first_ids"]))
    return (
        f"{counted(broken['count'], 'row')} {'breaks' if broken['count'] == 1 else 'break'}"
        f" {broken['rule']} of {broken['column']}, first those with {table.primary_key} {ids}"
    )


def _backups_whole(dictionary: Dictionary, catalogue: Catalogue) -> AuditCheck:
    """Every backup on record is there, to its last row."""
    try:
        problems = [f"{backup_id}: its entry is damaged" for backup_id in catalogue.unreadable()]
        entries = catalogue.list()
    except StoreUnavailable as error:
        return _check("backups", [error.detail], "")
    for entry in entries:
        problems += [f"{entry.backup_id}: {each}" for each in _damage(dictionary, catalogue, entry)]
    return _check("backups", problems, counted(len(entries), "backup"))


def _damage(dictionary: Dictionary, catalogue: Catalogue, entry: Entry) -> Sequence[str]:
    table = dictionary.tables.get(entry.table)
    if table is None:
        return ["its table is not in the dictionary"]
    found = verify(entry, table, catalogue)
    if not found.ok:
        try:
            catalogue.get(entry.backup_id)
        except NotFound:  # someone has removed it meanwhile
            return []
    return found.problems
