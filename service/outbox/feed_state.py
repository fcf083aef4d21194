"""The feed in the warehouse: `ops.feed`, one row where there is a lake, and the outbox.

The outbox has the changes that are not in the lake yet, behind the sequence `base`. It is two
tables: changes come into `ops.outbox`; `ops.outbox_sealed` is shipped, and dropped when all of it
was. (Rows that are deleted from the front of a table give no room back while others come in behind
them, and to write the rest anew takes a second for 16 MB.)
"""

from dataclasses import dataclass

from service.engines.engine import Connection

# None is ever null: to have DuckDB check that takes a fifth of what it takes to insert a commit.
_COLUMNS = """(
    sequence bigint, place integer, table_name varchar, operation varchar, rows bigint,
    bytes bigint, shape varchar, recorded_at timestamp, content blob
)"""
_FEED = """
create table if not exists ops.feed (
    recording boolean not null, base bigint not null, dictionary varchar not null,
    most_bytes bigint not null
);
alter table ops.feed add column if not exists place varchar default '';
insert into ops.feed by name
select false as recording, 0 as base, '' as dictionary, 0 as most_bytes
where not exists (select 1 from ops.feed)
"""
SEALED, OPEN = "ops.outbox_sealed", "ops.outbox"
# All that is not shipped.
UNSHIPPED = (
    f"(select * from (from {SEALED} union all from {OPEN})"
    " where sequence > (select base from ops.feed))"
)


@dataclass(frozen=True)
class FeedState:
    """How the feed is.

    Where it is not `recording`, what is committed is not part of the feed: nothing was before the
    first snapshot, or the outbox was full. Sequences up to `base` are not in the outbox; `last` is
    the last one in it. `bytes` are those of its content; `since` is when its oldest change was
    made, in microseconds since 1970. `most_bytes` may wait.
    """

    recording: bool
    base: int
    last: int
    bytes: int
    most_bytes: int = 0
    dictionary: str = ""
    since: int | None = None

    @property
    def room(self) -> int:
        """Bytes that may still come."""
        return self.most_bytes - self.bytes


def is_kept(connection: Connection) -> bool:
    """Whether the warehouse has a feed."""
    found = connection.execute(
        "select count(*) from duckdb_tables() where database_name = current_database()"
        " and schema_name = 'ops' and table_name in ('feed', 'outbox', 'outbox_sealed')"
    ).fetchall()
    return bool(found[0][0] == 3)


def make(connection: Connection, most_bytes: int) -> None:
    """Makes the tables where they are missing; nothing is recorded until a snapshot is taken.

    At most `most_bytes` of changes are to wait.
    """
    connection.execute(_FEED)
    for table in (SEALED, OPEN):
        connection.execute(f"create table if not exists {table} {_COLUMNS}")
    connection.execute("update ops.feed set most_bytes = ?", [most_bytes])


def drop(connection: Connection) -> None:
    """Forgets all that was not shipped, and where the lake was; its last sequence is kept.

    Who has followed the feed up to there is never to see another change of the same number.
    """
    last = read(connection).last
    for table in (SEALED, OPEN):
        connection.execute(f"drop table {table}")
    connection.execute("update ops.feed set recording = false, base = ?, place = ''", [last])


def place_of(connection: Connection) -> str:
    """The name of the lake that this warehouse has made its own; empty where there is none."""
    ((place,),) = connection.execute("select place from ops.feed").fetchall()
    return str(place)


def set_place(connection: Connection, place: str) -> None:
    """Says that the lake there is this warehouse's."""
    connection.execute("update ops.feed set place = ?", [place])


def read(connection: Connection) -> FeedState:
    """How it is, as the open transaction sees it."""
    ((recording, base, dictionary, most),) = connection.execute(
        "select recording, base, dictionary, most_bytes from ops.feed"
    ).fetchall()
    ((last, size, since),) = connection.execute(
        "select max(sequence), coalesce(sum(bytes), 0)::bigint, epoch_us(min(recorded_at))"
        f" from {UNSHIPPED}"
    ).fetchall()
    last = base if last is None else last
    return FeedState(recording, base, last, size, most, dictionary, since)


def stop_recording(connection: Connection, sequence: int) -> None:
    """What is committed from here on is no part of the feed; the open change of it is dropped."""
    connection.execute("delete from ops.outbox where sequence >= ?", [sequence])
    connection.execute("update ops.feed set recording = false")


def begin_at(connection: Connection, sequence: int, dictionary: str) -> None:
    """What is committed from here on comes behind `sequence`, which is to be a snapshot of now."""
    for table in (SEALED, OPEN):
        connection.execute(f"create or replace table {table} {_COLUMNS}")
    connection.execute(
        "update ops.feed set recording = true, base = ?, dictionary = ?", [sequence, dictionary]
    )


def set_dictionary(connection: Connection, dictionary: str) -> None:
    """Says by which dictionary the last change of it was made."""
    connection.execute("update ops.feed set dictionary = ?", [dictionary])


def forget(connection: Connection, last: int) -> None:
    """Forgets the changes up to `last`, which are in the lake."""
    connection.execute("update ops.feed set base = ?", [last])
    ((left,),) = connection.execute(
        f"select count(*) from {SEALED} where sequence > ?", [last]
    ).fetchall()
    if not left:
        connection.execute(f"create or replace table {SEALED} {_COLUMNS}")


def seal(connection: Connection) -> None:
    """Has what is there shipped, where all that was sealed before is; what comes is apart."""
    ((left,),) = connection.execute(
        f"select count(*) from {SEALED} where sequence > (select base from ops.feed)"
    ).fetchall()
    if not left:
        connection.execute(f"drop table {SEALED}")
        connection.execute(f"alter table {OPEN} rename to {SEALED.removeprefix('ops.')}")
        connection.execute(f"create table {OPEN} {_COLUMNS}")


def prepare(connection: Connection, most_bytes: int | None) -> None:
    """Makes what the feed needs, where there is a lake; else (None) forgets what there was of it.

    Nothing is written where it is so already.
    """
    if most_bytes is None:
        if is_kept(connection):
            drop(connection)
    elif not _is_made(connection) or read(connection).most_bytes != most_bytes:
        make(connection, most_bytes)


def _is_made(connection: Connection) -> bool:
    """Whether it is there, as this service knows it."""
    found = connection.execute(
        "select count(*) from duckdb_columns() where database_name = current_database()"
        " and schema_name = 'ops' and table_name = 'feed' and column_name = 'place'"
    ).fetchall()
    return bool(found[0][0]) and is_kept(connection)
