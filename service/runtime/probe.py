"""Asks the service of this machine how it is, for what watches a container.

``python -m service.runtime.probe [live|ready]`` exits with 0 for a 200, else with 1. It takes
nothing but the standard library beside the settings: it runs every few seconds.
"""

import http.client
import ssl
import sys
from urllib.parse import urlsplit

from service.runtime.settings import SettingsError, load_settings

SECONDS = 4


def asked(url: str, what: str) -> tuple[bool, str]:
    """Whether ``/health/<what>`` of the service at `url` answers 200, and what it says."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        # This machine is asked, and the certificate is for the names by which others know it.
        trusting = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=trusting)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.request("GET", f"/health/{what}")
        answer = connection.getresponse()
        return answer.status == 200, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return False, f"{url} does not answer: {error}"
    finally:
        connection.close()


def main(arguments: list[str]) -> int:
    """Writes what was said; the exit code."""
    what = arguments[0] if arguments else "live"
    if what not in ("live", "ready") or len(arguments) > 1:
        sys.stderr.write("usage: python -m service.runtime.probe [live|ready]\n")
        return 2
    try:
        ok, said = asked(load_settings().url, what)
    except SettingsError as error:
        ok, said = False, str(error)
    sys.stdout.write(f"{said}\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
