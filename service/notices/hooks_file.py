"""``hooks.yml``: who is told of what, and how. Knows the file's YAML.

Secrets do not stand in it: it names the environment variable or the file that has each.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from email.policy import SMTP
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import msgspec
import yaml  # type: ignore[import-untyped]
from msgspec import Meta

from service.runtime.decoding_errors import in_words
from service.runtime.settings import PREFIX, Settings, SettingsError

Kind: TypeAlias = Literal[
    "load.rejections",
    "load.failed",
    "build.failed",
    "backup.failed",
    "restore.failed",
    "copy.failed",
    "audit.failed",
    "disk.low",
    "service.died",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
DEFAULT_FILE = "hooks.yml"  # in the project
TEST = "hook.test"  # what a hook is told when someone tries it
# The waits of Standard Webhooks' specification, in seconds: ten attempts within three days.
RETRIES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
SECRET_PREFIX = "whsec_"  # noqa: S105 - of all secrets, by Standard Webhooks
SECRET_BYTES = (24, 64)

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
Words: TypeAlias = Annotated[str, Meta(pattern=r"^[^\r\n]+\Z")]


class WrongHooks(SettingsError):
    """The file cannot be used; the message says why, and never has a secret in it."""


class Elsewhere(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a secret is: the name of an environment variable, or a file. One of them."""

    env: str | None = None
    file: str | None = None

    def read(self, environ: Mapping[str, str]) -> str:
        """The secret, without spaces around it.

        Raises:
            WrongHooks: it is not there, or empty.
        """
        if self.env is not None:
            found, where = environ.get(self.env, ""), f"the variable {self.env}"
        else:
            where = f"the file {self.file}"
            try:
                found = Path(str(self.file)).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise WrongHooks(f"{where} cannot be read ({type(error).__name__})") from None
        if not found.strip():
            raise WrongHooks(f"{where} is not set, or empty")
        return found.strip()


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mail server (SMTP), and whom it has to deliver to."""

    server: Words
    to: Annotated[Sequence[Words], Meta(min_length=1)]
    sender: Words
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    starttls: bool = True
    user: str | None = None
    password: Elsewhere | None = None


class Hook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One who is told: by a webhook (`url` and `secret`), or by `mail`.

    Of rejections only loads are told of which more than `share` of the rows were kept out, and at
    least `rows` of them; `tables` are those whose loads are told, None: all. `values` has what was
    sent in it. `private` allows addresses that are not public, and receivers without TLS.
    """

    name: Name
    on: Annotated[Sequence[Kind], Meta(min_length=1)]
    url: str | Elsewhere | None = None
    secret: Elsewhere | None = None
    mail: Mail | None = None
    share: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    rows: Annotated[int, Meta(ge=1)] = 1
    tables: Sequence[str] | None = None
    values: bool = False
    private: bool = False
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10
    retry_seconds: Sequence[Annotated[float, Meta(ge=0)]] = RETRIES

    def concerns(self, table: str) -> bool:
        """Whether loads of that table are told."""
        return self.tables is None or table in self.tables


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """As YAML 1.2 has it: `on` is a text, only `true` and `false` are truth values."""

    yaml_implicit_resolvers: ClassVar = {
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class _Content(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    hooks: list[Hook] = []


class Secrets(msgspec.Struct, frozen=True):
    """What a hook needs to be told, and no one may see: to be had by `secrets_of`."""

    url: str = ""
    keys: Sequence[bytes] = ()
    password: str = ""

    def __repr__(self) -> str:
        """Says nothing, since it may end up in a log."""
        return "Secrets(…)"


def hooks_of(settings: Settings) -> Sequence[Hook]:
    """The hooks of the file that the settings name, or of the project's, if there is one.

    Raises:
        WrongHooks: as `read_hooks`; the file that is named is not there.
    """
    if settings.hooks is not None:
        return read_hooks(settings.hooks)
    path = settings.project / DEFAULT_FILE
    return read_hooks(path) if os.path.lexists(path) else ()


def read_hooks(path: Path) -> Sequence[Hook]:
    """The hooks of the file, in its order.

    Raises:
        WrongHooks: it is not there or cannot be read, or something in it makes no sense.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise WrongHooks(f"{path} cannot be read: {error.strerror}") from None
    try:
        content = msgspec.convert(yaml.load(text, _Loader) or {}, _Content)  # noqa: S506 - it is safe
    except yaml.YAMLError as error:
        raise WrongHooks(f"{path} is no YAML{_place(error)}") from None
    except msgspec.ValidationError as error:
        raise WrongHooks(f"{path}: {in_words(error)}") from None
    for number, hook in enumerate(content.hooks):
        if any(other.name == hook.name for other in content.hooks[:number]):
            raise WrongHooks(f"{path}: there are two hooks {hook.name}")
        if (wrong := _wrong_with(hook)) is not None:
            raise WrongHooks(f"{path}: the hook {hook.name}: {wrong}")
    return tuple(content.hooks)


def secrets_of(hook: Hook, environ: Mapping[str, str] = os.environ) -> Secrets:
    """The secrets of a hook, from where it says that they are.

    Raises:
        WrongHooks: one is missing, or is not usable.
    """
    try:
        if hook.mail:
            password = hook.mail.password
            return Secrets(password=password.read(environ) if password else "")
        url = hook.url.read(environ) if isinstance(hook.url, Elsewhere) else str(hook.url)
        if wrong := _wrong_with_url(url, hook.private):
            raise WrongHooks(wrong)
        assert hook.secret is not None  # it was looked at when the file was read
        keys = tuple(_key(each) for each in hook.secret.read(environ).split())
        return Secrets(url=url, keys=keys)
    except WrongHooks as error:
        raise WrongHooks(f"the hook {hook.name}: {error}") from None


def _key(secret: str) -> bytes:
    """The bytes of a secret as Standard Webhooks writes one; several are signed by in turn."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    least, most = SECRET_BYTES
    if not (secret.startswith(SECRET_PREFIX) and least <= len(key) <= most):
        said = f"{SECRET_PREFIX} and {least} to {most} bytes in Base64"
        raise WrongHooks(f"its secret is not {said}")
    return key


def _wrong_with(hook: Hook) -> str | None:
    """What makes no sense of a hook by itself; None: nothing."""
    if (hook.url is None) == (hook.mail is None):
        return "it has either url or mail"
    if hook.url is not None and hook.secret is None:
        return "a webhook is signed: say where its secret is"
    if isinstance(hook.url, str) and (wrong := _wrong_with_url(hook.url, hook.private)):
        return wrong
    if hook.mail and not hook.mail.starttls and not hook.private:
        return "mail goes by TLS (starttls), unless private is true"
    if hook.mail and (hook.mail.user is None) != (hook.mail.password is None):
        return "user and password come together"
    if hook.mail and (wrong := _wrong_with_mail(hook.mail)):
        return wrong
    places = [hook.url, hook.secret, hook.mail and hook.mail.password]
    for place in places:
        if isinstance(place, Elsewhere) and (wrong := _wrong_with_place(place)):
            return wrong
    return None


def _wrong_with_place(place: Elsewhere) -> str | None:
    if (place.env is None) == (place.file is None):
        return "a secret is in either env or file"
    if place.env is not None and place.env.upper().startswith(PREFIX):
        return f"{place.env} would be taken for a setting; choose a name without {PREFIX}"
    return None


def _wrong_with_mail(mail: Mail) -> str | None:
    if not _is_host(mail.server):
        return f"{mail.server} is no name of a server, such as mail.example.org"
    for address in (mail.sender, *mail.to):
        if not _is_address(address):
            return f"{address} is no mail address, such as Duty <duty@example.org>"
    return None


def _is_address(text: str) -> bool:
    """Whether it is one mailbox of RFC 5322, with or without a name, that any server takes."""
    try:
        header = SMTP.header_factory("from", text)
    except IndexError:  # Python's, of some texts that are none
        return False
    if header.defects or len(header.addresses) != 1 or header.groups[0].display_name:
        return False
    [address] = header.addresses
    return bool(address.username and address.domain) and address.addr_spec.isascii()


def _is_host(text: str) -> bool:
    """Whether it is written like a name or an address, without a scheme or a port."""
    try:
        return bool(re.fullmatch(r"[A-Za-z0-9._-]+", text) or ip_address(text))
    except ValueError:
        return False


def _wrong_with_url(url: str, is_private: bool) -> str | None:
    """What keeps a URL from being asked; it may be secret, and is not repeated."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port != 0
    except ValueError:
        return "its url is no URL"
    if parts.scheme not in ("https", "http") or not parts.hostname or not port_is_right:
        return "its url is no URL of https"
    if parts.scheme == "http" and not is_private:
        return "its url is not https, which private: true would allow"
    if parts.username is not None or parts.password is not None:
        return "its url has a password in it: signatures say who we are"
    return None


def _place(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark else ""


def receiver_of(hook: Hook) -> str:
    """Who is told, as it may be shown: a host, whose path may be a secret; or addresses of mail."""
    if hook.mail:
        return ", ".join(hook.mail.to)
    if isinstance(hook.url, str):
        return urlsplit(hook.url).netloc
    return "a secret URL"
