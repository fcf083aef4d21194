"""How DuckDB is set: one core for batches, all of them for what is large."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import duckdb
import pytest

from service.dbt.runner import build_offline
from service.engines.duckdb import Database
from service.errors import NotBuilt
from service.runtime.settings import Settings, load_settings


def threads(database: Database) -> int:
    with database.connect() as connection:
        (found,) = connection.execute("select current_setting('threads')").fetchall()[0]
    return int(found)


def test_all_cores_are_used_within_the_block_and_one_outside_of_it(database):
    with database.connect() as connection:
        connection.execute("reset global threads")
    cores = threads(database)
    database.close()
    database = Database(database.path)
    assert threads(database) == 1
    with database.all_cores():
        assert threads(database) == cores
        with database.all_cores():
            assert threads(database) == cores
        assert threads(database) == cores
    assert threads(database) == 1
    database.close()


def test_a_build_packs_texts_as_the_service_does(database):
    """All connections of a process are set alike: a build inside it would change it otherwise."""
    profile = (load_settings({}).project / "profiles.yml").read_text()
    with database.connect() as connection:
        query = "select current_setting('disabled_compression_methods')"
        (said,) = connection.execute(query).fetchall()[0]
    assert said
    assert f"disabled_compression_methods: {said.lower()} " in profile


def test_a_failure_within_the_block_gives_the_cores_back(database):
    try:
        with database.all_cores():
            raise KeyError
    except KeyError:
        assert threads(database) == 1


def test_who_reads_many_rows_does_not_keep_the_file_from_being_opened_anew(database):
    begun = Event()

    def read() -> None:
        with database.reading() as connection:
            for _ in connection.execute("from range(100_000_000)").to_arrow_reader(1 << 11):
                begun.set()

    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(read)
        begun.wait()
        database.has_failed(duckdb.FatalException("a full disk"))
        database.connect().close()
        assert "Interrupted" in str(reading.exception())


def test_a_warehouse_of_an_older_version_is_to_be_built_and_then_goes_on(settings: Settings):
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("alter table ops.rejections drop column raw")
        connection.execute("drop table ops.files")
    database = Database(settings.warehouse)
    try:
        with pytest.raises(NotBuilt, match="run `gatehouse build`"):
            database.dictionary()
    finally:
        database.close()
    assert build_offline(settings).status == "done"
    database = Database(settings.warehouse)
    assert database.dictionary().tables
    database.close()
