"""The places of backups, and what copies between them, as the settings say."""

from service.backups.catalogue import Catalogue
from service.backups.paired_places import Places
from service.backups.pairing import Pairing
from service.backups.retention import Keep
from service.runtime.metrics import Metrics
from service.runtime.settings import Settings
from service.stores.kinds import open_store


def places_of(settings: Settings) -> Places:
    """Where backups are, and their copies; nothing is asked of either yet.

    Raises:
        StoreUnavailable: the credentials of one cannot be read, or the extra `lake` is missing.
    """
    primary = Catalogue(open_store(settings.backups, settings.backups_credentials))
    if settings.backups_copy is None:
        return Places(primary)
    return Places(
        primary, Catalogue(open_store(settings.backups_copy, settings.backups_copy_credentials))
    )


def pairing_of(settings: Settings, places: Places, metrics: Metrics) -> Pairing | None:
    """What copies backups; None where there is no second place."""
    if places.second is None:
        return None
    return Pairing(places.primary, places.second, Keep.of(settings), metrics)
