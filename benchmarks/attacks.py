"""What others notice of a client that means harm: ``python -m benchmarks.attacks WAREHOUSE``.

Each attack goes on for some seconds against a service of its own, from this machine and without a
key, while another client asks for something small, each time by a new connection. Told are the most
memory that the service had, and how long the other client waited. ``--checkout`` has the service of
another checkout attacked.
"""

import argparse
import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

HOST = "127.0.0.1"
JSON = b"Content-Type: application/json\r\n"
GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = b"GET /v1/tables/hired_employees/rows?limit=2000 HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /v1/tables/jobs/rows HTTP/1.1\r\nHost: localhost\r\n" + JSON
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
PLACES = 20  # for the attack that takes all of them
PROBE_SECONDS = 10.0  # after which a probe has failed

LONGEST = 60.0  # seconds for the request of an attack

Attack = Callable[[int, float], None]


def connected(port: int) -> socket.socket:
    """A connection to the service."""
    return socket.create_connection((HOST, port), timeout=PROBE_SECONDS)


def poured(port: int, first: bytes, again: bytes, until: float) -> None:
    """Sends `again` and again, by a new connection where one is closed."""
    while time.monotonic() < until:
        with suppress(OSError), connected(port) as connection:
            connection.settimeout(1)
            connection.sendall(first)
            while time.monotonic() < until:
                connection.sendall(again)


def offers(port: int, until: float) -> None:
    """1: requests that offer another protocol, with bodies."""
    body = b"x" * 1000
    poured(port, b"", POST + OFFER + b"Content-Length: 1000\r\n\r\n" + body, until)


def pipeline(port: int, until: float) -> None:
    """2: one connection, requests without end, and no answer is read."""
    poured(port, b"", GET * 1000, until)


def trailers(port: int, until: float) -> None:
    """2: one connection, a body whose trailers do not end."""
    poured(port, CHUNKED + b"0\r\n", (b"X: " + b"x" * 997 + b"\r\n") * 64, until)


def deaf(port: int, until: float) -> None:
    """3: as many connections as there are places, that ask for much and read nothing."""
    kept(port, until, PLACES, LARGE * 16, receive_bytes=4096)


def idle(port: int, until: float) -> None:
    """4: more connections than there are descriptors, that ask for nothing."""
    kept(port, until, 1500, b"")


def many_pipelines(port: int, until: float) -> None:
    """2: 400 connections, each with 198 KB of small requests at once."""
    kept(port, until, 400, GET * (198_000 // len(GET)))


def kept(port: int, until: float, number: int, first: bytes, receive_bytes: int = 0) -> None:
    """Keeps connections open that have sent something; those that are closed are made anew."""
    kept_ones: list[socket.socket] = []
    with ExitStack() as stack:
        while time.monotonic() < until:
            if len(kept_ones) >= number:
                time.sleep(0.05)
                continue
            connection = stack.enter_context(socket.socket())
            if receive_bytes:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            connection.settimeout(0.2)
            with suppress(OSError):
                connection.connect((HOST, port))
                connection.sendall(first)
            kept_ones.append(connection)


def blank_lines(port: int, until: float) -> None:
    """6: 2 MB of gzip that are blank lines."""
    text = gzip.compress(b"id,job\n9000,x\n") + gzip.compress(b"\n" * (1 << 20)) * 2000
    ask(port, "POST", "/v1/tables/jobs/files?dry_run=true", text, "text/csv")


def names(port: int, until: float) -> None:
    """6: a row of 600,000 names."""
    row = b"{" + b",".join(b'"n%d":1' % number for number in range(600_000)) + b"}"
    ask(port, "POST", "/v1/tables/jobs/rows?dry_run=true", row, "application/json")


ATTACKS: dict[str, Attack] = {
    "offers of h2c": offers,
    "a pipeline": pipeline,
    "400 pipelines of 198 KB": many_pipelines,
    "trailers": trailers,
    "20 that never read, of 20 places": deaf,
    "1,500 idle connections": idle,
    "a gzip of blank lines": blank_lines,
    "600,000 names in a row": names,
}


def ask(port: int, method: str, path: str, body: bytes, media_type: str) -> None:
    """One request, whatever becomes of it; it is told how long it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=LONGEST)
    with suppress(OSError, http.client.HTTPException):
        connection.request(method, path, body, {"Content-Type": media_type})
        answer = connection.getresponse()
        print(f"{answer.status} after {time.monotonic() - began:.1f} s", flush=True)
    connection.close()


@contextmanager
def service(checkout: Path, warehouse: Path, **settings: str) -> Iterator[tuple[int, int]]:
    """The port and process of a service on a copy of a warehouse."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "gatehouse.duckdb"
        shutil.copy(warehouse, own)
        paths = {"GATEHOUSE_WAREHOUSE": str(own), "GATEHOUSE_BACKUPS": f"{folder}/backups"}
        process = subprocess.Popen(
            [checkout / ".venv/bin/gatehouse", "serve", "--port", "0"],
            env={**os.environ, **paths, **settings, "GATEHOUSE_LOG_LEVEL": "error"},
            cwd=checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            said = next(line for line in process.stdout if line.startswith("Gatehouse is at"))
            yield int(said.rpartition(":")[2]), process.pid
        finally:
            process.kill()
            process.wait()


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def probed(port: int, until: float) -> list[float]:
    """How long each small request took, by a connection of its own; a failed one, for ever."""
    took = []
    while time.monotonic() < until:
        began = time.monotonic()
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_SECONDS)
            connection.request("GET", "/health/live")
            served = connection.getresponse().status == 200
            connection.close()
            took.append(time.monotonic() - began if served else float("inf"))
            time.sleep(0.02)
            continue
        took.append(float("inf"))
    return took


def attacked(name: str, checkout: Path, warehouse: Path, seconds: float) -> str:
    """A line of the table."""
    places = {"GATEHOUSE_MAX_CONNECTIONS": str(PLACES)} if ATTACKS[name] is deaf else {}
    with service(checkout, warehouse, **places) as (port, pid):
        until = time.monotonic() + seconds
        attacker = threading.Thread(target=ATTACKS[name], args=(port, until))
        attacker.start()
        time.sleep(0.5)
        took = sorted(probed(port, until))
        attacker.join()
        peak = peak_bytes(pid) / 1e6
    failed = sum(each == float("inf") for each in took)
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))] if took else float("inf")
    middle = took[len(took) // 2] if took else float("inf")
    return f"| {name} | {peak:,.0f} | {middle:.3f} | {p99:.3f} | {failed} of {len(took)} |"


def main() -> None:
    """Tells what came of each attack."""
    parser = argparse.ArgumentParser(prog="attacks", description=__doc__)
    parser.add_argument("warehouse", type=Path, help="a warehouse that is built; it is copied")
    parser.add_argument("--checkout", type=Path, default=Path.cwd())
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--only", choices=ATTACKS, action="append")
    said = parser.parse_args()
    print("| attack | peak MB | median s | p99 s | probes not served |\n|---|---|---|---|---|")
    for name in said.only or ATTACKS:
        print(attacked(name, said.checkout, said.warehouse, said.seconds), flush=True)


if __name__ == "__main__":
    main()
