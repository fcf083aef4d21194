"""Makes a container in each storage account of the environment: python containers.py NAME.

Accounts are connection strings in variables that begin with ``CONTAINERS_``. One that has the
container stays as it is; one that does not answer yet is asked again for half a minute.
"""

import base64
import hashlib
import hmac
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.utils import formatdate

PREFIX = "CONTAINERS_"
VERSION = "2021-08-06"
SECONDS, PAUSE_SECONDS = 30, 0.5
EXISTS = 409


def request_of(account: Mapping[str, str], container: str) -> urllib.request.Request:
    """The request that makes it, signed by the account's key (Shared Key of Azure's storage)."""
    name, endpoint = account["AccountName"], account["BlobEndpoint"].rstrip("/")
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
    said = "".join(f"{key}:{value}\n" for key, value in headers.items())
    path = urllib.request.Request(endpoint).selector
    resource = f"/{name}{path}/{container}\nrestype:container"
    text = "PUT" + "\n" * 12 + said + resource
    key = base64.b64decode(account["AccountKey"])
    signed = base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
    headers["Authorization"] = f"SharedKey {name}:{signed}"
    url = f"{endpoint}/{container}?restype=container"
    return urllib.request.Request(url, method="PUT", headers=headers)


def make(account: Mapping[str, str], container: str) -> None:
    """Makes it, if it is not there.

    Raises:
        OSError: the account does not answer, or refuses.
    """
    until = time.monotonic() + SECONDS
    while True:
        try:
            urllib.request.urlopen(request_of(account, container), timeout=SECONDS).close()
            return
        except urllib.error.HTTPError as error:
            if error.code != EXISTS:
                raise
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_SECONDS)


def main(container: str) -> None:
    """Makes it in all accounts."""
    for name, text in sorted(os.environ.items()):
        if name.startswith(PREFIX):
            make(dict(part.split("=", 1) for part in text.split(";") if part), container)


if __name__ == "__main__":
    main(sys.argv[1])
