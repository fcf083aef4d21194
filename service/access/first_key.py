"""The first key, where whoever deploys the service has drawn it, and no one sits at the machine."""

from service.access import keys_file
from service.access.key_memory import had_keys
from service.engines.duckdb import Database
from service.runtime.logs import get_logger
from service.runtime.settings import Settings

log = get_logger(__name__)
NAME = "first"


def make_first_key(settings: Settings, database: Database) -> None:
    """Makes the key of `settings` an operator's, unless there is a key or was one.

    Where the file with the keys was lost, it makes none: one that was revoked would be good again.

    Raises:
        DamagedKeys, OSError: the file cannot be read or written.
    """
    if not settings.first_key or settings.keys_file.exists() or had_keys(database):
        return
    keys_file.create(settings.keys_file, NAME, "operator", None, None, settings.first_key)
    log.info("first_key_made", name=NAME)
