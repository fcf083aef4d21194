"""Which store a location is, opened with the credentials that its cloud's users have.

obstore is imported only where a URL asks for it.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from service.errors import StoreUnavailable
from service.runtime.locations import AZURE, S3, Location
from service.stores import azure, google, s3
from service.stores.folder import FolderStore
from service.stores.remote import RemoteStore
from service.stores.store import Store

# A store that is away is told within seconds: what waits for it can be tried again.
CLIENT = {"connect_timeout": "5s", "timeout": "60s"}
RETRY: Any = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {
        "init_backoff": timedelta(milliseconds=200),
        "max_backoff": timedelta(seconds=3),
        "base": 2,
    },
}


def open_store(location: Location, credentials: str = "") -> Store:
    """The store at `location`; nothing is asked of it yet.

    `credentials` are a connection string, a shared access signature, or ``name=value`` pairs with
    ``;`` between them; without them those of the environment count (docs/settings.md).

    Raises:
        StoreUnavailable: the extra `lake` is not installed, the credentials cannot be read, or
            there is a file in place of the folder, or of one that it lies in.
    """
    if location.folder is not None:
        _check_folder(location.folder)
        return FolderStore(location.folder)
    try:
        from obstore.store import from_url
    except ImportError:
        hint = "pip install 'gatehouse[lake]'"
        raise StoreUnavailable(f"{location} needs the package obstore: {hint}") from None
    kind = azure if location.scheme in AZURE else s3 if location.scheme in S3 else google
    config: Any = dict(kind.options(location, credentials))
    plain_http = config.get("endpoint", "").startswith("http://")
    client: Any = {**CLIENT, **({"allow_http": True} if plain_http else {})}
    opened: Any = None
    try:
        opened = from_url(location.plain, config=config, client_options=client, retry_config=RETRY)
    except Exception as error:  # noqa: BLE001 obstore's, which quote what they were given
        unknown = re.search(r"Configuration key: '([\w.]{1,60})'", str(error))
        what = f"there is no option {unknown[1]}" if unknown else "they do not fit together"
        why = f"its URL and credentials cannot be used: {what}"
    if opened is None:
        raise StoreUnavailable(f"{location}: {why}")
    return RemoteStore(opened, str(location))


def _check_folder(folder: Path) -> None:
    there = next((each for each in (folder, *folder.parents) if each.exists()), None)
    if there is not None and not there.is_dir():
        raise StoreUnavailable(f"{folder} cannot be a folder: {there} is a file")
