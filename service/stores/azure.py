"""Azure: a connection string, a shared access signature, or what the environment says.

The environment has AZURE_STORAGE_CONNECTION_STRING, or what obstore itself reads there: account,
key, SAS, service principal, workload identity; else the managed identity is asked.
"""

import os
from collections.abc import Mapping

from service.errors import StoreUnavailable
from service.runtime.locations import Location
from service.stores.pairs import pairs_of

EMULATOR = "http://127.0.0.1:10000/devstoreaccount1"
# As a connection string says it, and as obstore does.
_NAMES = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "sharedaccesssignature": "sas_key",
    "blobendpoint": "endpoint",
}
_LEFT_OUT = frozenset(
    {
        *("defaultendpointsprotocol", "endpointsuffix", "usedevelopmentstorage"),
        *("queueendpoint", "tableendpoint", "fileendpoint"),
    }
)
# Azurite's, the same everywhere, and no secret.
_EMULATED = {
    "account_name": "devstoreaccount1",
    "account_key": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
    "K1SZFPTOtr/KBHBeksoGMGw==",
    "endpoint": EMULATOR,
}


def options(location: Location, credentials: str) -> Mapping[str, str]:
    """obstore's options for a container.

    Raises:
        StoreUnavailable: nothing says which account it is in.
    """
    text = credentials or os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    found = {"sas_key": text.removeprefix("?")} if _is_signature(text) else _of_string(text)
    if location.query:
        found = {**found, "sas_key": location.query}
    if "endpoint" in found:
        found["endpoint"] = found["endpoint"].rstrip("/")
    if location.scheme == "az" and "account_name" not in found and not _account_in_environment():
        raise StoreUnavailable(
            f"{location}: of which account? Say it as abfss://<container>@<account>"
            ".dfs.core.windows.net, in a connection string or in AZURE_STORAGE_ACCOUNT_NAME"
        )
    return found


def _account_in_environment() -> bool:
    return "AZURE_STORAGE_ACCOUNT_NAME" in os.environ


def _is_signature(text: str) -> bool:
    return ";" not in text and "sig=" in text and "&" in text


def _of_string(text: str) -> dict[str, str]:
    said = pairs_of(text)
    lower = {name.lower(): value for name, value in said.items()}
    if lower.get("usedevelopmentstorage", "").lower() == "true":
        return dict(_EMULATED)
    found = {
        _NAMES.get(name, name): value for name, value in lower.items() if name not in _LEFT_OUT
    }
    suffix = lower.get("endpointsuffix", "core.windows.net")
    if suffix != "core.windows.net" and "account_name" in found:
        account = f"{found['account_name']}.blob.{suffix}"
        found.setdefault("endpoint", f"https://{account}")
    return found
