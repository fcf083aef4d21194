"""A store that is away or refuses says so in a clear sentence, without a secret."""

import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.runtime.locations import Location
from service.runtime.settings import SettingsError, load_settings
from service.stores import azure, s3
from service.stores.kinds import open_store
from service.stores.store import Store
from tests.support import CHECKOUT
from tests.support.stores import KEY, Azurite

ASKED: tuple[Callable[[Store], object], ...] = (
    lambda store: [*store.list()],
    lambda store: store.exists("a"),
    lambda store: store.read("a", 1),
    lambda store: store.open("a"),
    lambda store: store.put("b", b""),
    lambda store: store.remove("a"),
)


def told(store: Store, ask: Callable[[Store], object], *secrets: str) -> str:
    """What is said of a request that fails; nowhere with a secret."""
    with pytest.raises(StoreUnavailable) as failed:
        ask(store)
    said = "".join(traceback.format_exception(failed.value))
    assert not [each for each in (*secrets, KEY, "sig=") if each in said]
    assert store.name in failed.value.detail
    assert store.trouble
    assert store.trouble in failed.value.detail
    return store.trouble


def written(store: Store) -> None:
    with store.writing("b") as file:
        file.write(b"1")


def test_a_store_that_does_not_answer():
    string = f"AccountName=a;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/a"
    for store in (
        open_store(Location("az://c/x"), string),
        open_store(
            Location("s3://c"), "access_key_id=a;secret_access_key=b;endpoint=http://127.0.0.1:1"
        ),
    ):
        assert told(store, written) == "it does not answer"
        assert told(store, lambda store: [*store.list()]) == "it does not answer"


def test_an_azure_store_that_refuses(azurite: Azurite):
    container = azurite.container()
    whole = open_store(Location(f"az://{container}"), azurite.key())
    whole.put("a", b"1")
    assert whole.trouble is None
    reader = open_store(Location(f"az://{container}"), azurite.signature(container, "rl"))
    assert reader.read("a", 1)[0] == b"1"
    assert "refuses the credentials" in told(reader, lambda store: store.put("b", b""))
    assert "refuses the credentials" in told(reader, written)
    assert [each.name for each in reader.list()] == ["a"]
    assert reader.trouble is None
    writer = open_store(Location(f"az://{container}"), azurite.signature(container, "rwcl"))
    writer.put("b", b"1")
    assert "refuses the credentials" in told(writer, lambda store: store.remove("b"))
    expired = open_store(Location(f"az://{container}"), azurite.signature(container, "rwcl", -1))
    gone = open_store(Location("az://nowhere"), azurite.key())
    wrong = azurite.key().replace(KEY, "A" * 86 + "==")
    stranger = open_store(Location(f"az://{container}"), wrong)
    for ask in ASKED:
        assert "expired" in told(expired, ask)
        assert "refuses the credentials" in told(stranger, ask)
    for ask in (written, lambda store: [*store.list()], lambda store: store.put("b", b"")):
        assert "no such container" in told(gone, ask)


def test_an_s3_store_that_is_not_there(moto: str):
    keys = f"access_key_id=a;secret_access_key=not-told;endpoint={moto}"
    gone = open_store(Location("s3://nowhere-at-all"), keys)
    for ask in (written, lambda store: [*store.list()], lambda store: store.put("b", b"")):
        assert "no such container" in told(gone, ask, "not-told")


@pytest.mark.parametrize(
    ("url", "credentials", "said"),
    [
        ("s3://b/x", "secret_key=hidden", "there is no option secret_key"),
        ("s3://b/x", "hidden", "name=value"),
        ("gs://b/x", "service_account=/hidden", "cannot be used"),
        ("az://c/x", "sv=1&sig=hidden", "of which account"),
        ("s3://b/x", "profile=nobody", "the profile nobody has no keys"),
    ],
)
def test_credentials_that_make_no_sense_are_told_without_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, credentials: str, said: str
):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StoreUnavailable) as failed:
        open_store(Location(url), credentials)
    assert said in failed.value.detail
    assert "hidden" not in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize(
    "url",
    [
        "http://a/b",
        "az:///x",
        "s3://",
        "abfss://account.dfs.core.windows.net/x",
        "ftp://a:hidden@c",
    ],
)
def test_a_url_that_is_none_of_a_store_is_refused(url: str):
    with pytest.raises(SettingsError) as failed:
        load_settings({"GATEHOUSE_BACKUPS": url})
    assert "GATEHOUSE_BACKUPS is not usable: expected" in str(failed.value)
    assert "hidden" not in str(failed.value)


def test_a_location_is_shown_without_what_is_secret():
    url = "abfss://c@acc.dfs.core.windows.net/a/b/?sv=1&sig=hidden"
    settings = load_settings(
        {"GATEHOUSE_BACKUPS": url, "GATEHOUSE_BACKUPS_COPY_CREDENTIALS": "AccountKey=hidden"}
    )
    assert str(settings.backups) == "abfss://c@acc.dfs.core.windows.net/a/b"
    assert "hidden" not in f"{settings} {settings!r} {settings.backups!r}"
    assert azure.options(settings.backups, "") == {"sas_key": "sv=1&sig=hidden"}
    assert Location("s3://key:hidden@bucket/x").plain == "s3://bucket/x"
    assert Location("file:///tmp/x").folder == Path("/tmp/x")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k==;"
            "EndpointSuffix=core.chinacloudapi.cn",
            {
                "account_name": "a",
                "account_key": "k==",
                "endpoint": "https://a.blob.core.chinacloudapi.cn",
            },
        ),
        (
            "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=s%3D",
            {"endpoint": "https://a.blob.core.windows.net", "sas_key": "sv=1&sig=s%3D"},
        ),
        ("?sv=1&sig=s", {"sas_key": "sv=1&sig=s"}),
        ("UseDevelopmentStorage=true", {"account_name": "devstoreaccount1"}),
        ("client_id=i;client_secret=s;tenant_id=t", {"client_secret": "s"}),
    ],
)
def test_credentials_of_azure_are_read_as_its_users_have_them(text: str, options: dict[str, str]):
    place = Location("abfss://c@a.dfs.core.windows.net/x")
    assert options.items() <= azure.options(place, text).items()


def test_a_profile_of_aws_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[ours]\naws_access_key_id = i\naws_secret_access_key = s%s\n"
    )
    (tmp_path / ".aws" / "config").write_text("[profile ours]\nregion = eu-west-3\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "ours")
    found = {"access_key_id": "i", "secret_access_key": "s%s", "region": "eu-west-3"}
    assert s3.options(Location("s3://b"), "") == found
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the environment")
    assert "access_key_id" not in s3.options(Location("s3://b"), "")
    assert s3.options(Location("s3://b"), "profile=ours") == found


def test_a_folder_imports_no_package_of_object_storage():
    code = "import sys, service.gate; sys.exit('obstore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=CHECKOUT).returncode == 0
