"""What deploys the service says what the service knows: settings, ports, paths.

Charts are rendered by Helm itself, Bicep is parsed, Compose and Kubernetes are judged by their
schemas. Those tools are in requirements/deploy.txt (`make install-deploy`); without them those
tests are passed over, in CI they fail.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from service.api.v1.health import HealthController
from service.runtime.settings import SECRET_FILES, Settings, load_settings
from tests.deploy import texts
from tests.support import CHECKOUT

# Of CIS and others' advice all that a service can do without but a socket and its own file system.
MOST_EXPOSED = 1.5
REQUIRED = os.environ.get("DEPLOY_REQUIRED")
MEMBER = re.compile(r"(?<![\w.'/])([a-z]\w*)(?=\.(?:id|name|properties|outputs)\b)")
HEALTH = {"/health/live", "/health/ready"}


def tool(name: str) -> Any:
    """A module of requirements/deploy.txt."""
    if REQUIRED:
        return importlib.import_module(name)
    return pytest.importorskip(name, reason="make install-deploy")


def loaded(environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings of a deployment; files of secrets are made up within `folder`."""
    own = {name: value for name, value in environ.items() if name.startswith("GATEHOUSE_")}
    secret = {n: v for n, v in own.items() if n.removeprefix("GATEHOUSE_").lower() in SECRET_FILES}
    for name, value in secret.items():
        assert value.startswith("/"), name
        (folder / name).write_text("s" * 64)
        own[name] = str(folder / name)
    return load_settings(own)


# The image and the unit


def test_the_image_and_the_unit_keep_what_they_write_in_one_folder(tmp_path: Path) -> None:
    for environ in (texts.of_the_image(), texts.of_the_unit()):
        settings = loaded(environ, tmp_path)
        assert str(settings.warehouse) == f"{texts.STATE}/gatehouse.duckdb"
        assert str(settings.backups) == f"{texts.STATE}/backups"
        assert settings.require_keys


def test_the_image_says_what_it_does() -> None:
    said, settings = texts.CONTAINERFILE, texts.of_the_image()
    assert f"\nEXPOSE {settings['GATEHOUSE_PORT']}\n" in said
    assert f"\nVOLUME {texts.STATE}\n" in said
    assert "\nUSER 10001:10001\n" in said
    command = re.findall(r"^\s+CMD (\[.*\])$", said, re.MULTILINE)
    assert command == ['["python", "-m", "service.runtime.probe"]']
    sources = re.findall(r"^COPY (?!--)(.*) \S+$", said, re.MULTILINE)
    missing = [each for line in sources for each in line.split() if not (CHECKOUT / each).exists()]
    assert missing == []


def test_what_lists_the_packages_says_each_with_its_hashes() -> None:
    lock = CHECKOUT / "requirements" / "lake.txt"
    program = [sys.executable, str(texts.DEPLOY / "sbom.py"), str(lock)]
    said = yaml.safe_load(subprocess.run(program, capture_output=True, check=True).stdout)
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    text = lock.read_text("utf-8")
    pinned = re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", text, re.MULTILINE)
    assert [(each["name"], each["version"]) for each in said["components"]] == pinned
    hashes = [each["content"] for part in said["components"] for each in part["hashes"]]
    assert hashes == re.findall(r"sha256:(\w+)", text)
    assert all(part["hashes"] for part in said["components"])


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, whose program is that of this checkout: systemd looks whether it is there."""
    if not (shutil.which("systemd-analyze") or REQUIRED):
        pytest.skip("systemd-analyze is not here")
    program = Path(sys.executable).with_name("gatehouse")
    text = texts.UNIT.read_text("utf-8").replace("/opt/gatehouse/.venv/bin/gatehouse", str(program))
    path = tmp_path / "gatehouse.service"
    path.write_text(text)
    return path


def test_systemd_knows_every_line_of_the_unit(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "gatehouse" in line]
    assert (done.returncode, said) == (0, [])


def test_the_unit_is_exposed_no_more_than_it_has_to_be(unit: Path) -> None:
    bound = f"--threshold={MOST_EXPOSED * 10:.0f}"  # where it is ten times as much
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", bound, str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:]


def test_the_unit_gives_it_the_time_that_it_takes_to_end() -> None:
    said = dict(re.findall(r"^(\w+)=(.*)$", texts.UNIT.read_text("utf-8"), re.MULTILINE))
    assert said["Type"] == "notify"
    assert int(said["TimeoutStopSec"]) > Settings().shutdown_seconds + 20
    assert said["ExecStart"].endswith("/gatehouse serve")


# Compose


def test_compose_reads_its_file() -> None:
    options = tool("compose_spec").PyOptions()
    options.apply_merge = True
    options.from_yaml(texts.COMPOSE.read_text("utf-8")).validate()


def test_settings_and_ports_of_the_compose_file_are_the_services(tmp_path: Path) -> None:
    services = dict(texts.of_compose())
    assert services.keys() == {"gatehouse", "standby"}
    for name, environ in services.items():
        settings = loaded(environ, tmp_path)
        assert settings.standby == (name == "standby")
        assert settings.backups.url
        assert settings.backups_copy
        assert settings.backups_credentials != settings.backups_copy_credentials
        service = texts.compose()["services"][name]
        assert service["ports"][0].endswith(f":{settings.port}")
        assert service["volumes"] == [f"data:{texts.STATE}"]
        secret = environ["GATEHOUSE_FIRST_KEY_FILE"]
        assert [secret] == [f"/run/secrets/{each}" for each in service["secrets"]]


# Helm and Kubernetes

VALUES: tuple[dict[str, Any], ...] = (
    {},
    {"standby": True, "storage": {"accessMode": "ReadWriteMany", "className": "nfs"}},
    {"storage": {"existingClaim": "own"}, "secret": {"settings": []}},
    {
        "settings": {
            "backups": "abfss://backups@account.dfs.core.windows.net/g",
            "max_rows": 500,
            "public_reports": True,
        },
        "secret": {"name": "s", "settings": ["first_key", "backups_credentials"]},
        "podLabels": {"azure.workload.identity/use": "true"},
        "podAnnotations": {"a": "b"},
        "serviceAccount": {"annotations": {"a": "b"}},
        "nodeSelector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    },
)


def rendered(values: Mapping[str, Any]) -> Iterator[Any]:
    """What the chart makes of `values`."""
    helm = tool("helm_python")
    with helm.Chart.load(texts.CHART) as chart:
        for path, text in chart.render(values=dict(values), name="demo").items():
            if path.endswith(".yaml"):
                yield from filter(None, yaml.safe_load_all(text))


@pytest.mark.parametrize("values", VALUES)
def test_the_chart_makes_what_kubernetes_takes_and_the_service_knows(
    values: dict[str, Any], tmp_path: Path
) -> None:
    judge = tool("kubernetes_validate")
    found = {each["kind"]: each for each in rendered(values)}
    for each in found.values():
        judge.validate(each, "1.30", strict=True)
    claimed = values.get("storage", {}).get("existingClaim")
    assert ("PersistentVolumeClaim" in found) == (not claimed)
    deployment = found["Deployment"]["spec"]
    settings = loaded(texts.of_a_pod(deployment["template"]["spec"]), tmp_path)
    assert settings.standby == (deployment["replicas"] == 2)
    assert deployment["strategy"] == {"type": "Recreate"}
    _check_container(deployment["template"]["spec"], settings)
    selector, labels = found["Service"]["spec"]["selector"], deployment["template"]["metadata"]
    assert selector.items() <= labels["labels"].items()
    for name, value in values.get("settings", {}).items():
        assert str(getattr(settings, name)) == str(value)


def _check_container(pod: Any, settings: Settings) -> None:
    (container,) = pod["containers"]
    assert [each["containerPort"] for each in container["ports"]] == [settings.port]
    probes = [container[name] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    paths = [each["httpGet"]["path"] for each in probes]
    assert paths == ["/health/live", "/health/live", "/health/ready"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts["data"] == texts.STATE
    assert mounts.keys() == {each["name"] for each in pod["volumes"]}
    assert pod["terminationGracePeriodSeconds"] > settings.shutdown_seconds + 20


def test_helm_finds_nothing_wrong_with_the_chart() -> None:
    for values in VALUES:
        found = tool("helm_python").lint(texts.CHART, values, strict=True)
        assert (found["messages"], found["errors"]) == ([], [])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"standby": True}, "a standby needs a volume that two pods can mount"),
        ({"settings": {"port": 1}}, "port"),
        ({"sttings": {}}, "sttings"),
        ({"storage": {"size": "much"}}, "size"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(tool("helm_python").HelmError, match=said):
        list(rendered(values))


def test_the_secrets_of_the_chart_are_those_of_the_service() -> None:
    schema = yaml.safe_load((texts.CHART / "values.schema.json").read_text("utf-8"))
    allowed = schema["properties"]["secret"]["properties"]["settings"]["items"]["enum"]
    assert {f"{name}_file" for name in allowed} <= SECRET_FILES.keys()


# Bicep


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    """The Bicep files by their names. What they are parsed by checks their grammar, no more."""
    parser = tool("pycep").BicepParser()
    return {
        path.name: parser.parse(text=path.read_text("utf-8"))
        for path in sorted(texts.BICEP.parent.glob("*.bicep"))
    }


def test_what_bicep_names_is_there_and_is_used(parsed: dict[str, Any]) -> None:
    for name, found in parsed.items():
        text = (texts.BICEP.parent / name).read_text("utf-8")
        text = re.sub(r"(?<!:)//.*|@description\(.*\)", "", text)
        inputs = {*found.get("parameters", {}), *found.get("variables", {})}
        assert set(MEMBER.findall(text)) <= inputs | {
            *found.get("resources", {}),
            *found.get("modules", {}),
        }, name
        assert {each for each in inputs if len(re.findall(rf"\b{each}\b", text)) < 2} == set(), name


def test_modules_of_bicep_get_what_they_take(parsed: dict[str, Any]) -> None:
    taken = parsed["storage.bicep"]["parameters"].keys()
    modules = parsed["main.bicep"]["modules"]
    for module in modules.values():
        assert module["config"]["params"].keys() == taken
    places = [module["config"]["params"]["location"] for module in modules.values()]
    assert places == ["location", "pairedLocation"]
    names = {str(module["config"]["params"]["name"]) for module in modules.values()}
    assert len(names) == 2


def test_settings_ports_and_paths_of_bicep_are_the_services(
    parsed: dict[str, Any], tmp_path: Path
) -> None:
    main = parsed["main.bicep"]
    app = main["resources"]["app"]["config"]["properties"]
    (container,) = app["template"]["containers"]
    environ = {each["name"]: each["value"] for each in container["env"]}
    urls = {name: "abfss://b@a.dfs.core.windows.net/g" for name in environ if "BACKUPS" in name}
    folder = main["variables"]["secretsFolder"]["value"]
    secret = environ["GATEHOUSE_FIRST_KEY_FILE"].replace("${secretsFolder}", folder)
    schedule = main["parameters"]["backupSchedule"]["default"]
    said = {"GATEHOUSE_FIRST_KEY_FILE": secret, "GATEHOUSE_BACKUP_SCHEDULE": schedule}
    settings = loaded({**texts.of_the_image(), **environ, **urls, **said}, tmp_path)
    assert settings.standby
    assert main["variables"]["port"]["value"] == settings.port
    assert main["variables"]["dataFolder"]["value"] == texts.STATE
    assert app["template"]["scale"] == {"minReplicas": 1, "maxReplicas": 1}
    assert {each["httpGet"]["path"] for each in container["probes"]} == {"/health/live"}
    assert app["template"]["terminationGracePeriodSeconds"] > settings.shutdown_seconds + 20
    (mounted,) = [each for each in app["template"]["volumes"] if each["storageType"] == "Secret"]
    assert secret == f"{folder}/{mounted['secrets'][0]['path']}"


def test_the_paths_that_are_probed_are_those_of_the_service() -> None:
    routes = {
        path
        for each in (HealthController.is_live, HealthController.is_ready)
        for path in each.paths
    }
    assert routes == HEALTH
