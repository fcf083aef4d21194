"""The targets of profiles.yml on Spark, as dbt reads them, and what each needs."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from service.runtime.settings import Settings
from service.spark.building import CannotBuild, check, target_of

pytest.importorskip("dbt.adapters.spark")
PROFILES = Path(__file__).parents[2] / "profiles.yml"


def rendered(target: str, monkeypatch: pytest.MonkeyPatch, master: str) -> dict[str, Any]:
    """What dbt makes of a target, its own Jinja and types included."""
    from dbt.config.profile import Profile
    from dbt.config.renderer import ProfileRenderer
    from dbt_common.context import set_invocation_context

    monkeypatch.setenv("GATEHOUSE_SPARK_MASTER", master)
    set_invocation_context({"GATEHOUSE_SPARK_MASTER": master})
    raw = yaml.safe_load(PROFILES.read_text())["gatehouse"]
    _, data = Profile.render_profile(raw, "gatehouse", target, ProfileRenderer({}))
    return dict(data)


@pytest.mark.parametrize(
    ("master", "target", "said"),
    [
        ("local[2]", "spark", {"method": "session"}),
        ("spark://host:7077", "spark", {"method": "session"}),
        (
            "thrift://host:10001",
            "spark_thrift",
            {"method": "thrift", "host": "host", "port": 10001},
        ),
        ("sc://host:15002", "spark_connect", {"method": "session"}),
    ],
)
def test_each_kind_of_spark_has_a_target_that_dbt_takes(
    monkeypatch: pytest.MonkeyPatch, master: str, target: str, said: dict[str, object]
) -> None:
    from dbt.adapters.spark.connections import SparkCredentials

    assert target_of(Settings(spark_master=master)) == target
    data = rendered(target, monkeypatch, master)
    assert said.items() <= data.items()
    assert data["schema"] == "core"
    SparkCredentials.validate(data)
    parameters = data["server_side_parameters"]
    assert parameters["spark.sql.session.timeZone"] == "UTC"
    if target == "spark_connect":
        assert parameters["spark.remote"] == master


@pytest.mark.parametrize(
    ("master", "package", "wanted"),
    [("thrift://host:10000", "pyhive", "PyHive"), ("sc://host:15002", "grpc", "connect")],
)
def test_what_a_server_needs_and_is_not_there_is_named(
    master: str, package: str, wanted: str
) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(CannotBuild, match=f"{package} is not installed.*{wanted}"):
        check(Settings(spark_master=master))


def test_no_rows_are_fetched_of_a_statement_that_answers_none() -> None:
    """By Thrift there are none, not even no rows: PyHive breaks."""
    engine = PROFILES.parent / "dbt_project" / "macros" / "engines" / "spark"
    said = {path.name: path.read_text() for path in engine.glob("*.sql")}
    assert said
    assert not [name for name, text in said.items() if "do run_query(" in text]
