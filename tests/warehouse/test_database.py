"""How DuckDB is set: one core for batches, all of them for what is large."""

from service.warehouse.database import Database


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


def test_a_failure_within_the_block_gives_the_cores_back(database):
    try:
        with database.all_cores():
            raise KeyError
    except KeyError:
        assert threads(database) == 1
