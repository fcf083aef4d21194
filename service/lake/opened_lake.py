"""Opens the outbox and the lake of a service, as its settings say."""

from contextlib import closing

from service.backups.ownership import warehouse_id
from service.engines.duckdb import Database
from service.lake.lake import Lake
from service.lake.shipper import Shipper
from service.lake.shipping import Shipping
from service.outbox.feed_state import prepare
from service.outbox.outbox import Outbox
from service.runtime.metrics import Metrics
from service.runtime.settings import Settings
from service.stores.kinds import open_store
from service.stores.store import Store
from service.warehouse.writer import Writer


def open_place(settings: Settings) -> Store | None:
    """Where the lake is; nothing is asked of it yet. None where there is none.

    Raises:
        StoreUnavailable: its credentials cannot be read, or the extra `lake` is missing.
    """
    return open_store(settings.lake, settings.lake_credentials) if settings.lake else None


def lake_of_warehouse(database: Database, place: Store, settings: Settings) -> Lake:
    """The lake in `place`, as the one of this warehouse; nothing is asked of it yet."""
    return Lake(place, warehouse_id(database), str(settings.warehouse))


def open_outbox(database: Database, settings: Settings) -> Outbox | None:
    """The outbox of a warehouse that may be written; None where there is no lake.

    What there was of a feed is then forgotten.
    """
    with closing(database.connect()) as connection:
        connection.begin()
        prepare(connection, settings.outbox_bytes if settings.lake else None)
        connection.commit()
    return Outbox() if settings.lake else None


def open_shipper(
    database: Database, writer: Writer, place: Store | None, settings: Settings, metrics: Metrics
) -> Shipper | None:
    """Who ships what the writer's outbox has; None where there is no lake, or nothing is written.

    The dictionary may have become another while no service ran: that is recorded first.
    """
    outbox, dictionary = writer.outbox, writer.dictionary
    if outbox is None or place is None:
        return None
    writer.run(lambda connection: outbox.take_dictionary(connection, dictionary)).result()
    lake = lake_of_warehouse(database, place, settings)
    shipping = Shipping(database, writer, outbox, lake, settings.lake_segment_bytes)
    return Shipper(
        shipping, outbox, lake, metrics, settings.lake_segment_seconds, settings.lake_segment_bytes
    )
