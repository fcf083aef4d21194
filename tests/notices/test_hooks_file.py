"""``hooks.yml``: what it takes, what it refuses, and that no secret is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from service.notices.hooks_file import WrongHooks, hooks_of, read_hooks, receiver_of, secrets_of
from service.runtime.settings import Settings, load_settings
from tests.support import CHECKOUT
from tests.support.receivers import SECRET

HOOK: dict[str, Any] = {"name": "ops", "url": "https://example.org/T0/B0", "on": ["build.failed"]}
HOOK |= {"secret": {"env": "OPS_SECRET"}}
MAIL = {"server": "mail.example.org", "to": ["a@example.org"], "sender": "g@example.org"}
LETTER = {"name": "duty", "on": ["disk.low"], "mail": MAIL}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hooks.yml"


def without(hook: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in hook.items() if name not in names} | more


def test_the_file_of_the_page_is_read(path: Path):
    page = (CHECKOUT / "docs" / "hooks.md").read_text()
    path.write_text(page.split("```yaml\n")[1].split("```")[0])
    ops, duty = read_hooks(path)
    assert (ops.on[0], ops.rows, duty.on[-1]) == ("load.rejections", 10, "service.died")


@pytest.mark.parametrize(("said", "is_private"), [("true", True), ("False", False), ("on", None)])
def test_truth_values_are_those_of_yaml_1_2(path: Path, said: str, is_private: bool | None):
    hook = f"name: off, url: 'https://a.org', on: [disk.low], secret: {{env: A}}, private: {said}"
    path.write_text(f"hooks: [{{{hook}}}]")
    if is_private is None:
        with pytest.raises(WrongHooks, match="private"):
            read_hooks(path)
    else:
        [read] = read_hooks(path)
        assert (read.name, read.private) == ("off", is_private)


def test_where_the_project_has_no_file_nobody_is_told(path: Path):
    settings = Settings(project=path.parent)
    assert hooks_of(settings) == ()
    path.write_text("# nobody\n")
    assert hooks_of(settings) == ()
    path.write_text(yaml.safe_dump({"hooks": [LETTER]}))
    assert [hook.name for hook in hooks_of(settings)] == ["duty"]
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(WrongHooks, match="No such file"):
        hooks_of(settings)


@pytest.mark.parametrize("named", ["hooks.yml", "others.yml", "folder/hooks.yml"])
def test_a_file_that_is_named_has_to_be_there(tmp_path: Path, named: str):
    settings = load_settings({"GATEHOUSE_PROJECT": str(tmp_path), "GATEHOUSE_HOOKS": named})
    with pytest.raises(WrongHooks, match=f"{named} cannot be read: No such file"):
        hooks_of(settings)


ADDRESSES = {
    True: [
        "a@example.org", "<a@example.org>", "Duty <a@example.org>", "Müller <a@example.org>",
        '"a b"@example.org', "a@localhost", "a@[192.0.2.1]",
    ],
    False: [
        "a", "a@", "@example.org", "a b@example.org", "a@b c", "a..b@example.org", "a@b, c@d",
        "a@b;c@d", "Duty <a@example.org", "Duty <a@example.org> x", "team: a@example.org;",
        "none:;", " ", "ü@example.org", "a@ü.example", "a@-b..c",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "is_one"), [(each, is_one) for is_one in ADDRESSES for each in ADDRESSES[is_one]]
)
@pytest.mark.parametrize("where", ["to", "sender"])
def test_mail_addresses_are_looked_at_when_the_file_is_read(
    path: Path, where: str, address: str, is_one: bool
):
    mail = MAIL | {where: [MAIL["to"][0], address] if where == "to" else address}
    path.write_text(yaml.safe_dump({"hooks": [LETTER | {"mail": mail}]}))
    if is_one:
        assert len(read_hooks(path)) == 1
        return
    with pytest.raises(WrongHooks, match=r"the hook duty: .* is no mail address"):
        read_hooks(path)


@pytest.mark.parametrize(
    ("hooks", "why"),
    [
        ([without(HOOK, "name")], "name is missing"),
        ([HOOK, HOOK], "two hooks ops"),
        ([without(HOOK, "url")], "either url or mail"),
        ([HOOK | {"mail": MAIL}], "either url or mail"),
        ([without(HOOK, "secret")], "a webhook is signed"),
        ([HOOK | {"on": []}], "length"),
        ([HOOK | {"on": ["load.lost"]}], "load.lost"),
        ([HOOK | {"onn": 1}], "onn"),
        ([HOOK | {"share": 1.5}], "share"),
        ([HOOK | {"url": "http://example.org"}], "not https"),
        ([HOOK | {"url": "ftp://example.org"}], "no URL"),
        ([HOOK | {"url": "https://a:b@example.org"}], "password in it"),
        ([HOOK | {"url": "https://example.org:x"}], "no URL"),
        ([HOOK | {"secret": {}}], "either env or file"),
        ([HOOK | {"secret": {"env": "A", "file": "b"}}], "either env or file"),
        ([HOOK | {"secret": {"env": "GATEHOUSE_OPS"}}], "taken for a setting"),
        ([HOOK | {"secret": SECRET}], "secret"),
        ([LETTER | {"mail": MAIL | {"starttls": False}}], "starttls"),
        ([LETTER | {"mail": MAIL | {"user": "g"}}], "user and password"),
        ([LETTER | {"mail": MAIL | {"to": []}}], "to"),
        ([LETTER | {"mail": MAIL | {"server": "mail.example.org:25"}}], "no name of a server"),
        ([LETTER | {"mail": MAIL | {"server": "smtp://mail.example.org"}}], "no name of a server"),
        ([LETTER | {"mail": MAIL | {"sender": "a\nBcc: b"}}], "sender"),
        ("nothing", "hooks"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(path: Path, hooks: Any, why: str):
    path.write_text(yaml.safe_dump({"hooks": hooks}))
    with pytest.raises(WrongHooks, match=why) as wrong:
        read_hooks(path)
    assert str(path) in str(wrong.value)
    assert SECRET not in str(wrong.value)


def test_what_is_no_yaml_is_told_with_its_line(path: Path):
    path.write_text("hooks:\n  - name: [")
    with pytest.raises(WrongHooks, match="no YAML"):
        read_hooks(path)


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "OPS_SECRET is not set"),
        ({"OPS_SECRET": "  "}, "is not set, or empty"),
        ({"OPS_SECRET": "plain-text-secret-of-ours"}, "whsec_"),
        ({"OPS_SECRET": "whsec_c2hvcnQ="}, "24 to 64 bytes"),
    ],
)
def test_a_secret_that_is_not_there_or_not_usable_is_not_repeated(
    path: Path, environ: dict[str, str], why: str
):
    path.write_text(yaml.safe_dump({"hooks": [HOOK]}))
    (hook,) = read_hooks(path)
    with pytest.raises(WrongHooks, match=why) as wrong:
        secrets_of(hook, environ)
    assert "plain-text" not in str(wrong.value)


def test_a_url_can_be_a_secret_of_which_only_the_host_is_shown(path: Path, tmp_path: Path):
    place = tmp_path / "url"
    place.write_text("https://example.org/T0/B0\n")
    hidden = HOOK | {"name": "hidden", "url": {"file": str(place)}}
    path.write_text(yaml.safe_dump({"hooks": [HOOK, hidden, LETTER]}))
    shown, unseen, letter = read_hooks(path)
    assert receiver_of(shown) == "example.org"
    assert receiver_of(unseen) == "a secret URL"
    assert receiver_of(letter) == "a@example.org"
    secrets = secrets_of(unseen, {"OPS_SECRET": f"{SECRET} {SECRET}"})
    assert (secrets.url, len(secrets.keys)) == ("https://example.org/T0/B0", 2)
    assert "T0" not in repr(secrets)
