"""S3: keys, a profile of ~/.aws, or what the environment says.

obstore itself reads AWS_ACCESS_KEY_ID and its like, and asks for the role of a container, a pod or
a machine. It knows no profiles: they are read here.
"""

import os
from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path

from service.errors import StoreUnavailable
from service.runtime.locations import Location
from service.stores.pairs import pairs_of

# As ~/.aws says it, and as obstore does.
_NAMES = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}


def options(location: Location, credentials: str) -> Mapping[str, str]:
    """obstore's options for a bucket.

    Raises:
        StoreUnavailable: the profile is not there, or has no keys of its own.
    """
    found = {_NAMES.get(name.lower(), name.lower()): v for name, v in pairs_of(credentials).items()}
    profile = found.pop("profile", "")
    if not found and "AWS_ACCESS_KEY_ID" not in os.environ:
        profile = profile or os.environ.get("AWS_PROFILE", "")
    if profile:
        found = {**_of_profile(profile), **found}
    if "endpoint" not in found and os.environ.get("AWS_ENDPOINT_URL"):
        found["endpoint"] = os.environ["AWS_ENDPOINT_URL"]
    if "AWS_REGION" not in os.environ and "AWS_DEFAULT_REGION" not in os.environ:
        found.setdefault("region", "us-east-1")
    return found


def _of_profile(profile: str) -> dict[str, str]:
    home = Path.home() / ".aws"
    said = {
        **_section(os.environ.get("AWS_CONFIG_FILE") or home / "config", f"profile {profile}"),
        **_section(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials", profile),
    }
    found = {_NAMES[name]: value for name, value in said.items() if name in _NAMES}
    if "access_key_id" not in found or "secret_access_key" not in found:
        raise StoreUnavailable(
            f"the profile {profile} has no keys in ~/.aws; a role or single sign-on of a profile is"
            " not read: give the keys, or run where the role is"
        )
    return found


def _section(path: str | Path, name: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(path)
    except (Error, UnicodeDecodeError):  # they quote the line
        parser = ConfigParser()
    names = (name, name.removeprefix("profile "))
    return next((dict(parser[each]) for each in names if each in parser), {})
