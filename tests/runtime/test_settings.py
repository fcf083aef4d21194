"""Settings: where they come from, what is refused, that each is documented."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from service.runtime.settings import OTHER_NAMES, SECRET, Settings, SettingsError, load_settings
from tests.support import CHECKOUT

ROOT = CHECKOUT
DOCUMENTATION = (ROOT / "docs/settings.md").read_text("utf-8")

PORT = "a whole number from 0 to 65535"


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "gatehouse.toml"
        path.write_text(text, "utf-8")
        return {"GATEHOUSE_CONFIG": str(path)}

    return write


def test_without_environment_everything_lies_in_the_checkout():
    settings = load_settings({})
    assert settings.warehouse == ROOT / "warehouse/gatehouse.duckdb"
    assert (settings.backups.path, settings.seeds) == (ROOT / "backups", ROOT / "seeds")
    assert settings.url == "http://127.0.0.1:8000"


def test_the_environment_comes_before_the_file_and_the_file_before_the_default(config):
    settings = load_settings({**config("port = 81\nmax_rows = 5"), "GATEHOUSE_PORT": "82"})
    assert (settings.port, settings.max_rows, settings.host) == (82, 5, "127.0.0.1")


def test_a_settings_file_in_the_project_is_found(tmp_path):
    (tmp_path / "gatehouse.toml").write_text("port = 81", "utf-8")
    assert load_settings({"GATEHOUSE_PROJECT": str(tmp_path)}).port == 81


def test_relative_paths_start_where_they_are_written(config, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    settings = load_settings({**config('warehouse = "w.db"'), "GATEHOUSE_BACKUPS": "tmp/b"})
    assert settings.warehouse == (tmp_path / "w.db").resolve()
    assert settings.backups == Path("/tmp/b").resolve()


def test_paths_follow_the_project(tmp_path):
    assert Settings(project=tmp_path).seeds == tmp_path.resolve() / "seeds"


def test_builds_of_two_warehouses_do_not_share_a_target(tmp_path):
    assert load_settings({}).target == ROOT / "target"
    other = load_settings({"GATEHOUSE_WAREHOUSE": str(tmp_path / "a.duckdb")})
    assert other.target == tmp_path.resolve() / "a.dbt"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"GATEHOUSE_PORT": "http"},
            f"GATEHOUSE_PORT is 'http', but takes {PORT}",
        ),
        (
            {"GATEHOUSE_PORT": "65536"},
            f"GATEHOUSE_PORT is '65536', but takes {PORT}",
        ),
        (
            {"GATEHOUSE_MAX_ROWS": "0"},
            "GATEHOUSE_MAX_ROWS is '0', but takes a whole",
        ),
        ({"GATEHOUSE_CODEC": "lzma"}, "GATEHOUSE_CODEC is 'lzma', but takes deflate or zstandard"),
        ({"GATEHOUSE_PROT": "80"}, "GATEHOUSE_PROT: there is no such setting; is port meant?"),
        ({"GATEHOUSE_port": "80"}, "GATEHOUSE_port: there is no such setting"),
        ({"GATEHOUSE_CONFIG": "/nowhere.toml"}, "/nowhere.toml cannot be read: No such file"),
    ],
)
def test_a_wrong_setting_is_named(environ, said):
    with pytest.raises(SettingsError) as error:
        load_settings(environ)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 80", "prot in {path}: there is no such setting"),
        ("port = true", "port in {path} is True, but takes a whole number from 0 to 65535"),
        ("warehouse = 5", "warehouse in {path} is 5, but takes a path"),
        ("port 80", "{path} cannot be read: Expected '='"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(config, text, said):
    environ = config(text)
    with pytest.raises(SettingsError) as error:
        load_settings(environ)
    assert str(error.value).startswith(said.format(path=environ["GATEHOUSE_CONFIG"]))


def test_a_secret_may_be_in_a_file(tmp_path):
    path = tmp_path / "secret"
    for name in SECRET:
        path.write_text(f"{name} {'very' * 10} secret\r\n")
        settings = load_settings({f"GATEHOUSE_{name.upper()}_FILE": str(path)})
        assert getattr(settings, name) == f"{name} {'very' * 10} secret"


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (None, {}, "GATEHOUSE_KEY_FILE: {path} cannot be read: No such file"),
        (b"\xff", {}, "GATEHOUSE_KEY_FILE: {path} cannot be read: it is no UTF-8"),
        (b"\n", {}, "GATEHOUSE_KEY_FILE: {path} is empty"),
        (b"k" * 65_537, {}, "GATEHOUSE_KEY_FILE: {path} is of more than 65536 bytes"),
        (b"k", {"GATEHOUSE_KEY": "k"}, "GATEHOUSE_KEY and GATEHOUSE_KEY_FILE are both set"),
        (b"8", {"GATEHOUSE_PORT_FILE": "x"}, "GATEHOUSE_PORT_FILE: there is no such setting"),
    ],
)
def test_a_file_that_has_no_secret_is_named(tmp_path, content, more, said):
    path = tmp_path / "secret"
    if content:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        load_settings({"GATEHOUSE_KEY_FILE": str(path), **more})
    assert str(error.value).startswith(said.format(path=path))


def test_a_first_key_that_can_be_guessed_is_refused():
    with pytest.raises(SettingsError, match="first_key is too short") as error:
        Settings(first_key="letmein")
    assert "letmein" not in str(error.value)


@pytest.mark.parametrize("other", ["backups", "backups_copy", "seeds"])
@pytest.mark.parametrize(
    ("lake", "place"),
    [("a", "a"), ("a/b", "a"), ("a", "a/b"), ("az://a/b", "az://a/b"), ("s3://a/b", "s3://a")],
)
def test_a_lake_where_other_files_are_is_refused(tmp_path, other, lake, place):
    said = {"lake": lake, other: place}
    if "://" in place and other == "seeds":
        return
    paths = {name: p if "://" in p else str(tmp_path / p) for name, p in said.items()}
    with pytest.raises(SettingsError, match=f"lake is {paths['lake']}, .*another place"):
        load_settings({f"GATEHOUSE_{name.upper()}": path for name, path in paths.items()})


@pytest.mark.parametrize("inside", [".", "w.duckdb", "w.duckdb.files", "w.duckdb.spark/x", ".."])
def test_a_lake_among_the_files_of_the_warehouse_is_refused(tmp_path, inside):
    environ = {"GATEHOUSE_WAREHOUSE": str(tmp_path / "w.duckdb")}
    with pytest.raises(SettingsError, match="among the files of the warehouse"):
        load_settings(environ | {"GATEHOUSE_LAKE": str(tmp_path / inside)})


def test_a_lake_beside_the_others_is_taken(tmp_path):
    paths = {"WAREHOUSE": "w.duckdb", "LAKE": "w.duckdb.lake", "BACKUPS": "w.duckdb.lakes"}
    load_settings({f"GATEHOUSE_{name}": str(tmp_path / path) for name, path in paths.items()})


def test_an_empty_variable_says_nothing():
    assert load_settings({"GATEHOUSE_PORT": "", "GATEHOUSE_CONFIG": ""}).port == 8000


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("gate.example", "http://gate.example:8000"),
    ],
)
def test_the_url_is_one_that_a_client_can_use(host, url):
    assert Settings(host=host).url == url


def test_the_key_is_not_shown():
    settings = load_settings({"GATEHOUSE_KEY": "very-secret"})
    assert settings.key == "very-secret"
    assert "very-secret" not in f"{settings} {settings!r}"


@pytest.mark.parametrize("setting", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_documented_as_it_is(setting):
    row = next(
        (line for line in DOCUMENTATION.splitlines() if line.startswith(f"| `{setting.name}` |")),
        None,
    )
    assert row, f"docs/settings.md lacks {setting.name}"
    _, _, default, meaning, _ = row.split("|")
    description = next(
        meta.description for meta in get_args(setting.type) if getattr(meta, "description", None)
    )
    assert meaning.strip().startswith(description)
    if setting.default in (None, (), ""):
        assert default.strip() == "none"
    elif setting.name != "project":
        said = str(setting.default)
        said = said.lower() if isinstance(setting.default, bool) else said
        assert default.strip().startswith(f"`{said}`")


def test_the_names_of_the_environment_are_documented():
    for name, meaning in OTHER_NAMES.items():
        assert f"| `{name}` | {meaning} |" in DOCUMENTATION


def test_nothing_is_documented_that_is_not_there():
    names = [line.split("`")[1] for line in DOCUMENTATION.splitlines() if line.startswith("| `")]
    settings = {name for name in names if name.isidentifier()}
    assert settings == {*Settings.__struct_fields__, *OTHER_NAMES}
