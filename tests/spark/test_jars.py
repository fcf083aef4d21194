"""The jars that Spark is told of."""

import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from service.spark.jars import LIST

PROFILES = Path(__file__).parents[2] / "profiles.yml"


def test_executors_are_given_each_jar_by_its_name():
    profile = yaml.safe_load(PROFILES.read_text())["gatehouse"]["outputs"]["spark"]
    given = profile["server_side_parameters"]["spark.jars"]
    lines = [line.split() for line in LIST.read_text().splitlines() if not line.startswith("#")]
    wanted = [f"{artifact}-{version}.jar" for _, artifact, version, _ in lines]
    assert re.findall(r"/([^/,]+)(?:,|$)", given) == wanted
