"""What deploys the service, as text, and what it says of settings, ports and paths."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from tests.support import CHECKOUT

DEPLOY = CHECKOUT / "deploy"
CONTAINERFILE = (CHECKOUT / "Containerfile").read_text("utf-8")
UNIT = DEPLOY / "systemd" / "gatehouse.service"
COMPOSE = DEPLOY / "compose" / "compose.yaml"
CHART = DEPLOY / "helm" / "gatehouse"
BICEP = DEPLOY / "azure" / "main.bicep"
STATE = "/var/lib/gatehouse"


def of_the_image() -> Mapping[str, str]:
    """The environment that the image has."""
    (said,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", CONTAINERFILE, re.MULTILINE)
    return dict(part.split("=", 1) for part in said.replace("\\\n", " ").split())


def of_the_unit() -> Mapping[str, str]:
    """The environment of the unit of systemd, whose %S is the folder of all states."""
    said = re.findall(r"^Environment=(\w+)=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    return {name: value.replace("%S", "/var/lib") for name, value in said}


def of_compose() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The environment of each service of the compose file that runs the image, above it."""
    for name, service in compose()["services"].items():
        if service["image"] == "gatehouse":
            yield name, {**of_the_image(), **service["environment"]}


def compose() -> Any:
    """The compose file, with its anchors resolved."""
    return yaml.safe_load(COMPOSE.read_text("utf-8"))


def of_a_pod(pod: Any) -> Mapping[str, str]:
    """The environment of the container of a pod, above that of the image."""
    (container,) = pod["containers"]
    return {**of_the_image(), **{each["name"]: each["value"] for each in container["env"]}}
