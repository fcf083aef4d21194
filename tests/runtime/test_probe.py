"""What watches a container asks the service by this."""

import socket

import httpx
import pytest

from service.runtime import probe
from tests.support.log_lines import logging_to_lines


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the probe in the environment of a service at a port; its exit code and what it says.

    The service is in this process: what it logs goes elsewhere, since it comes after its answer.
    """

    def ask(port: int | str, *arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("GATEHOUSE_PORT", str(port))
        code = probe.main([*arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    with logging_to_lines():
        yield ask


def test_a_service_that_is_well_is_told_by_0(ask, reader: httpx.Client):
    port = reader.base_url.port
    assert ask(port) == (0, '{"status":"ok"}\n')
    code, said = ask(port, "ready")
    assert code == 0
    assert '"checks"' in said


def test_what_is_not_well_is_told_by_1(ask):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, said = ask(port)
    assert code == 1
    assert f"http://127.0.0.1:{port} does not answer" in said
    assert ask("http")[0] == 1


def test_a_server_that_says_no_is_told_by_1(ask, reader: httpx.Client):
    ok, said = probe.asked(str(reader.base_url), "no-such-thing")
    assert not ok
    assert "not-found" in said


def test_other_arguments_are_told_by_2(ask, reader: httpx.Client):
    for arguments in (("metrics",), ("live", "ready")):
        code, said = ask(reader.base_url.port, *arguments)
        assert (code, said.startswith("usage: ")) == (2, True)
