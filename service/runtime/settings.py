"""All settings: environment over ``gatehouse.toml`` over defaults. docs/settings.md lists them.

One module although it is long: two thirds are the list of settings, which is read as one.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from cronsim import CronSim, CronSimError
from msgspec import Meta

from service.runtime.locations import Location

PREFIX = "GATEHOUSE_"
# Environment variables that are no settings, and what they are for.
OTHER_NAMES = {
    "GATEHOUSE_CONFIG": "The settings file; its keys are the names of this page.",
    "GATEHOUSE_SPARK_FOLDER": "The folder of Spark's catalogue, for `dbt --target spark`.",
    "GATEHOUSE_SPARK_LOGGING": "What Spark logs there: a file of log4j2.",
    "GATEHOUSE_URL": "The service that `gatehouse` talks to, instead of the one that runs here.",
}
CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_WAREHOUSE = Path("warehouse/gatehouse.duckdb")
MiB = 1024 * 1024

SECRET = frozenset(
    {"key", "first_key", "backups_credentials", "backups_copy_credentials", "lake_credentials"}
)
OF_A_FILE = "_FILE"  # behind the variable of a secret: the file that has it
MOST_OF_A_SECRET = 65_536  # bytes
WORDS: dict[Any, str] = {  # what is said of a type, to who gave something else
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
}
NEVER = "never"  # a schedule without runs

Count = Annotated[int, Meta(ge=1)]
Names = tuple[str, ...]  # in the environment one text, with commas between them


class SettingsError(Exception):
    """A setting cannot be used; the message names it and where it was set."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one installation. Relative paths start at `project`; all become absolute."""

    project: Annotated[Path, Meta(description="The folder with `dbt_project.yml`.")] = CHECKOUT
    warehouse: Annotated[Path, Meta(description="The DuckDB file with everything in it.")] = (
        DEFAULT_WAREHOUSE
    )
    backups: Annotated[
        Location,
        Meta(
            description="Where the Avro backups are: a folder, or a URL (`abfss://`, `az://`,"
            " `s3://`, `gs://`)."
        ),
    ] = Location("backups")
    backups_credentials: Annotated[
        str,
        Meta(
            description="How to get at that URL, where the environment does not say it: a"
            " connection string, a shared access signature, or options such as"
            " `access_key_id=…;secret_access_key=…`."
        ),
    ] = ""
    backups_copy: Annotated[
        Location | None,
        Meta(description="A second place, which each backup is copied to; best in another region."),
    ] = None
    backups_copy_credentials: Annotated[
        str, Meta(description="As `backups_credentials`, for the second place.")
    ] = ""
    lake: Annotated[
        Location | None,
        Meta(
            description="Where every change is shipped to, for other engines: a folder or a URL, as"
            " `backups`."
        ),
    ] = None
    lake_credentials: Annotated[
        str, Meta(description="As `backups_credentials`, for the lake.")
    ] = ""
    lake_segment_bytes: Annotated[
        Count, Meta(description="How large a segment of the lake becomes, about, in bytes.")
    ] = 128 * MiB
    lake_segment_seconds: Annotated[
        Count, Meta(description="How long a change waits until it is shipped, in seconds.")
    ] = 30
    outbox_bytes: Annotated[
        Count,
        Meta(
            description="The most bytes of changes that wait for the lake in the warehouse; beyond"
            " it, they are left out, and a snapshot follows."
        ),
    ] = 1024 * MiB
    spark_master: Annotated[
        str,
        Meta(
            description="The cluster of `build --target spark`: `local[*]`, or its URL; a server"
            " of Thrift (`thrift://host:10000`) or Connect (`sc://host:15002`)."
        ),
    ] = "local[*]"
    spark_memory: Annotated[
        str,
        Meta(pattern="^[0-9]+[mg]$", description="The memory of Spark's driver, such as `2g`."),
    ] = "1g"
    spark_partitions: Annotated[
        Count, Meta(description="Into how many parts Spark divides rows to sort and join them.")
    ] = 4
    spark_jars: Annotated[
        Path, Meta(description="The folder of the jars that Spark needs beside its own.")
    ] = Path("jars")
    spark_schedule: Annotated[
        str, Meta(description="When the service has Spark build, as cron in UTC.")
    ] = NEVER
    seeds: Annotated[
        Path,
        Meta(
            description="The folder of the history: one `<table>.csv` (or `.csv.gz`, `.csv.zst`)"
            " for each table."
        ),
    ] = Path("seeds")
    host: Annotated[str, Meta(min_length=1, description="The address to listen at.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="The port to listen at; 0 takes one that is free.")
    ] = 8000
    key: Annotated[
        str, Meta(description="The key that `gatehouse` shows to the service, where it wants one.")
    ] = ""
    first_key: Annotated[
        str,
        Meta(
            description="Where there never was a key, this becomes the first: an operator's, named"
            " `first`. It has 32 characters or more."
        ),
    ] = ""
    require_keys: Annotated[
        bool, Meta(description="Whether the service refuses to start while there is no key.")
    ] = False
    public_reports: Annotated[
        bool, Meta(description="Whether reports are shown without a key.")
    ] = False
    public_dictionary: Annotated[
        bool,
        Meta(
            description="Whether the dictionary is shown without a key: tables, rules and how often"
            " they were broken, marts, `/schema`."
        ),
    ] = False
    public_metrics: Annotated[
        bool, Meta(description="Whether `/metrics` is shown without a key.")
    ] = False
    allowed_hosts: Annotated[
        Names,
        Meta(
            description="The names that clients may reach it by, besides this machine's and `host`."
        ),
    ] = ()
    trusted_proxies: Annotated[
        Names,
        Meta(description="The addresses of proxies whose `X-Forwarded-*` headers are believed."),
    ] = ()
    tls_certificate: Annotated[
        Path | None, Meta(description="The certificate (chain) to serve HTTPS with, in PEM.")
    ] = None
    tls_key: Annotated[
        Path | None, Meta(description="The private key of the certificate, in PEM.")
    ] = None
    standby: Annotated[
        bool,
        Meta(
            description="Whether, while another service has the warehouse, this one waits and then"
            " takes over."
        ),
    ] = False
    max_connections: Annotated[
        Count, Meta(description="The most connections at a time; others get a 503.")
    ] = 800
    max_connections_per_address: Annotated[
        Count,
        Meta(
            description="The most connections from one address at a time; others are closed."
            " This machine and `trusted_proxies` may have all of them."
        ),
    ] = 200
    header_seconds: Annotated[
        Count, Meta(description="How long the head of a request may take to arrive, in seconds.")
    ] = 20
    body_seconds: Annotated[
        Count, Meta(description="How long a body may take to arrive, in seconds, if it is small.")
    ] = 30
    body_rate: Annotated[
        Count, Meta(description="How fast larger bodies have to come, in bytes a second.")
    ] = 16 * 1024
    request_seconds: Annotated[
        Count,
        Meta(description="How long an answer to a reader or writer may take, in seconds."),
    ] = 300
    query_seconds: Annotated[
        Count,
        Meta(description="How long a query on rows may take, in seconds, before it is stopped."),
    ] = 30
    idle_seconds: Annotated[
        Count, Meta(description="How long a connection is kept without a request, in seconds.")
    ] = 30
    session_idle_minutes: Annotated[
        Count,
        Meta(description="How long someone who looks at pages stays logged in without a click."),
    ] = 60
    session_hours: Annotated[
        Count, Meta(description="How long someone who looks at pages stays logged in at most.")
    ] = 12
    rate_per_key: Annotated[
        int,
        Meta(ge=0, description="How many requests a second a key may make in the long run."),
    ] = 0
    rate_burst: Annotated[
        Count, Meta(description="How many requests a key may make at once before its rate counts.")
    ] = 100
    max_body_bytes: Annotated[
        Count, Meta(description="The largest body of a request, in bytes, after decompression.")
    ] = 16 * MiB
    max_ratio: Annotated[
        Count,
        Meta(
            description="How many times as large a compressed body of over 1 MiB may become,"
            " or a file of over 64 MiB."
        ),
    ] = 200
    max_buffered_bytes: Annotated[
        Count,
        Meta(
            description="The most bytes of bodies that are in memory at a time; beyond it, a 503."
        ),
    ] = 256 * MiB
    max_uploads: Annotated[
        Count, Meta(description="How many files may be sent to it at a time; others get a 503.")
    ] = 4
    max_rows: Annotated[
        int, Meta(ge=1, le=100_000, description="The most rows of one request, up to 100,000.")
    ] = 1000
    max_import_bytes: Annotated[
        Count, Meta(description="The largest Avro file that is taken in as a backup, in bytes.")
    ] = 1024 * MiB
    max_file_bytes: Annotated[
        Count,
        Meta(description="The largest CSV file that is loaded, in bytes, after decompression."),
    ] = 100 * 1024 * MiB
    queue_requests: Annotated[
        Count, Meta(description="How many requests may wait for the writer; others get a 503.")
    ] = 1000
    group_rows: Annotated[
        Count, Meta(description="The most rows that the writer commits at once.")
    ] = 20_000
    judging_process: Annotated[
        bool,
        Meta(
            description="Whether large requests are judged in a process of its own, "
            "where there is more than one core."
        ),
    ] = True
    build_seconds: Annotated[
        Count,
        Meta(
            description="How long a build, or a part of a file, may take in the service, in"
            " seconds, before it is cancelled."
        ),
    ] = 3600
    memory_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description="The memory for data, in bytes; what needs more goes into temporary files"
            " beside the warehouse.",
        ),
    ] = 0
    codec: Annotated[
        Literal["deflate", "zstandard"],
        Meta(description="How backups are compressed; every Avro reader knows deflate."),
    ] = "deflate"
    backup_schedule: Annotated[
        str,
        Meta(description="When all tables are backed up, as cron in UTC, such as `0 2 * * *`."),
    ] = NEVER
    backup_keep_last: Annotated[
        Count, Meta(description="How many scheduled backups are kept, whatever their age.")
    ] = 7
    backup_keep_daily: Annotated[
        int, Meta(ge=0, description="Of how many days one scheduled backup is kept.")
    ] = 14
    backup_keep_weekly: Annotated[
        int, Meta(ge=0, description="Of how many weeks one scheduled backup is kept.")
    ] = 8
    verify_schedule: Annotated[
        str, Meta(description="When backups are read again, as cron in UTC; or `never`.")
    ] = "30 3 * * *"
    verify_seconds: Annotated[
        Count,
        Meta(description="How long that goes on at most; the next run goes on from there."),
    ] = 600
    audit_schedule: Annotated[
        str, Meta(description="When the books are audited, as cron in UTC, such as `0 5 * * 0`.")
    ] = NEVER
    hooks: Annotated[
        Path | None,
        Meta(
            description="The YAML file that says who is told of what. Without it, it is `hooks.yml`"
            " in the project, if that is there."
        ),
    ] = None
    changes_days: Annotated[
        int,
        Meta(
            ge=0,
            description="For how many days the history of rows is kept; 0: for ever.",
        ),
    ] = 365
    hook_days: Annotated[
        Count, Meta(description="How long it is remembered what hooks were told, in days.")
    ] = 30
    log_format: Annotated[
        Literal["console", "json"],
        Meta(description="Logs as lines for people, or as one JSON object a line."),
    ] = "console"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important events that are logged."),
    ] = "info"
    idempotency_hours: Annotated[
        int, Meta(ge=24, description="How long an Idempotency-Key is remembered, in hours.")
    ] = 24
    disk_floor_bytes: Annotated[
        int, Meta(ge=0, description="With less free disk than this, in bytes, it is not ready.")
    ] = 64 * MiB
    shutdown_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="How long a stop waits for what is under way, in seconds; then it is cut"
            " short.",
        ),
    ] = 30

    def __post_init__(self) -> None:
        for name in ("backups", "backups_copy", "lake"):
            if (place := getattr(self, name)) is not None:
                msgspec.structs.force_setattr(self, name, Location(place).within(self.project))
        for name in ("project", "warehouse", "seeds", "hooks", "spark_jars"):
            if (path := getattr(self, name)) is not None:
                # joining an absolute path leaves it as it is
                msgspec.structs.force_setattr(self, name, (self.project / path).resolve())
        self._check_places()
        for name in ("backup_schedule", "verify_schedule", "audit_schedule", "spark_schedule"):
            _check_schedule(name, getattr(self, name))
        if self.first_key and len(self.first_key) < 32:
            raise SettingsError("first_key is too short: it can be guessed")
        if self.tls_key and not self.tls_certificate:
            raise SettingsError("tls_key is set and tls_certificate is not")

    def _check_places(self) -> None:
        """That no one takes what is another's in the lake, or the lake's elsewhere, for its own."""
        if self.lake is None:
            return
        others = {"backups are": self.backups, "copies of backups are": self.backups_copy}
        for said, other in others.items():
            if other is not None and (self.lake.is_within(other) or other.is_within(self.lake)):
                raise SettingsError(f"lake is {self.lake}, where {said}; give it another place")
        own = (self.spool, self.copies, self.spark_folder, self.target, self.seeds)
        if any(self.lake.is_within(Location(each)) for each in own) or any(
            Location(each).is_within(self.lake) for each in (self.warehouse, *own)
        ):
            raise SettingsError(
                f"lake is {self.lake}, among the files of the warehouse; give it another place"
            )

    def __repr__(self) -> str:
        """Leaves out what is secret, since settings end up in logs."""
        said = {n: getattr(self, n) for n in self.__struct_fields__ if n not in SECRET}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    @property
    def target(self) -> Path:
        """The folder of dbt's artefacts, one for each warehouse, so that builds do not collide."""
        if self.warehouse == (self.project / DEFAULT_WAREHOUSE).resolve():
            return self.project / "target"
        return self.warehouse.with_name(f"{self.warehouse.stem}.dbt")

    @property
    def keys_file(self) -> Path:
        """The key file. Beside the warehouse, since that may be rebuilt or lost."""
        return self.warehouse.with_name(f"{self.warehouse.name}.keys")

    @property
    def spool(self) -> Path:
        """The folder of uploaded files that wait to be loaded."""
        return self.warehouse.with_name(f"{self.warehouse.name}.files")

    @property
    def spark_folder(self) -> Path:
        """The folder of Spark's own catalogue, and of dbt's artefacts for it."""
        return self.warehouse.with_name(f"{self.warehouse.name}.spark")

    @property
    def copies(self) -> Path:
        """The folder of the copies of the warehouse that other programs read."""
        return self.warehouse.with_name(f"{self.warehouse.name}.copies")

    @property
    def url(self) -> str:
        """The URL at which a client on this machine reaches the service."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


def _check_schedule(name: str, cron: str) -> None:
    try:
        if cron != NEVER:
            CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise SettingsError(f"{name} is {cron!r}, which is no schedule: {error}") from error


# The setting by what its variable is called that names a file.
SECRET_FILES = {f"{name}{OF_A_FILE}".lower(): name for name in SECRET}
TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `environ`, then the settings file, then defaults; empty variables do not count.

    Raises:
        SettingsError: a value does not fit, or there is no setting of that name.
    """
    said = dict(_from_environment(environ))
    project = said.get("project", CHECKOUT)
    return Settings(**{**dict(_from_file(environ.get("GATEHOUSE_CONFIG"), project)), **said})


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in OTHER_NAMES or not value:
            continue
        setting = name.removeprefix(PREFIX).lower()
        if setting in SECRET_FILES and name.isupper():
            of = name.removesuffix(OF_A_FILE)
            if environ.get(of):
                raise SettingsError(f"{of} and {name} are both set")
            yield SECRET_FILES[setting], _secret_in(name, Path(value))
        else:
            yield setting, _read(name, setting if name.isupper() else name, value, Path.cwd())


def _secret_in(name: str, path: Path) -> str:
    """The text of a file, without the line end that most editors add."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_OF_A_SECRET + 1)
        said = text.decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SettingsError(f"{name}: {path} cannot be read: {reason}") from None
    if not said or len(text) > MOST_OF_A_SECRET:
        what = "empty" if not said else f"of more than {MOST_OF_A_SECRET} bytes"
        raise SettingsError(f"{name}: {path} is {what}")
    return said


def _from_file(named: str | None, project: Path) -> Iterator[tuple[str, Any]]:
    path = Path(named) if named else project / "gatehouse.toml"
    if not named and not path.exists():
        return
    import tomllib

    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{path} cannot be read: {reason}") from error
    for name, value in said.items():
        yield name, _read(f"{name} in {path}", name, value, path.resolve().parent)


def _read(where: str, setting: str, value: Any, folder: Path) -> Any:
    """Converts `value` to the type of `setting`; relative paths start at `folder`."""
    if setting not in TYPES:
        close = get_close_matches(setting, TYPES, 1)
        meant = f"; is {close[0]} meant?" if close else ""
        raise SettingsError(f"{where}: there is no such setting{meant}")
    if get_args(TYPES[setting])[0] == Names and isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    try:
        return msgspec.convert(
            value, TYPES[setting], strict=False, dec_hook=partial(_placed, folder)
        )
    except msgspec.ValidationError as error:
        where_wrong = f"{where} is {_said(setting, value)}"
        if Location in _types(setting):
            raise SettingsError(f"{where_wrong}: {error}") from None
        raise SettingsError(f"{where_wrong}, but takes {_taken(setting)}") from None


def _taken(setting: str) -> str:
    """What a setting takes, in words."""
    kind, *said = get_args(TYPES[setting])
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if get_origin(kind) is Annotated:  # a type with bounds of its own
        kind, *bounds = get_args(kind)
        said += bounds
    meta = [each for each in said if isinstance(each, Meta)]
    least = next((each.ge for each in meta if each.ge is not None), None)
    most = next((each.le for each in meta if each.le is not None), None)
    words = WORDS.get(kind, "text")
    if least is not None and most is not None:
        return f"{words} from {least} to {most}"
    return words if least is None else f"{words}, {least:,} or more"


def _types(setting: str) -> tuple[Any, ...]:
    kind = get_args(TYPES[setting])[0]
    return get_args(kind) or (kind,)


def _placed(folder: Path, kind: type, value: Any) -> Any:
    """A path or a place, from the text of a setting; a relative path starts at `folder`."""
    if not isinstance(value, str):
        raise TypeError("a path is text")
    place = Location(value)
    if place.url:
        return place
    path = folder / place.path.expanduser()
    return path if kind is Path else Location(path)


def _said(setting: str, value: Any) -> str:
    """The value, where it can have no secret in it."""
    is_secret = setting in SECRET or Location in _types(setting)
    return "not usable" if is_secret else repr(value)
