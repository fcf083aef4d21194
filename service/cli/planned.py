"""What a build would change, for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from service.cli import output
from service.cli.builds import asked
from service.cli.failures import Failure
from service.cli.invocation import Run
from service.runtime.wording import counted

Plan = dict[str, Any]
COLUMNS = ["change", "rows", "first_keys", "clients", "why_not"]


def plan_and_tell(run: Run, allowed: Sequence[str]) -> None:
    """Says what a build would change; without --json in lines.

    Raises:
        Failure: dbt cannot read the project, or the build would be refused.
    """
    with run.connect() as client:
        result = asked(client, lambda node: None, allowed, dry_run=True)
    if result["status"] != "done":
        output.message(result["message"])
        raise Failure("there is no plan")
    plan: Plan = result["plan"]
    if run.as_json:
        output.print_json(plan)
    else:
        _tell(plan)
    if plan["refused"]:
        needed = [each["allowed_by"] for each in plan["changes"] if each["refused"]]
        words = " ".join(f"--allow {each}" for each in needed if each)
        raise Failure("the build would be refused", f"gatehouse build {words}" if words else None)


def _tell(plan: Plan) -> None:
    if not plan["changes"]:
        output.line("nothing changes but what is new in the history")
        return
    output.table([_row(each) for each in plan["changes"]], COLUMNS)
    for line in (*_rejections(plan), *_backups(plan)):
        output.line(line)


def _row(change: dict[str, Any]) -> dict[str, Any]:
    return {
        "change": change["described"],
        "rows": change["rows"] or "",
        "first_keys": ", ".join(change["first_keys"]),
        "clients": "break" if change["breaks_clients"] else "",
        "why_not": change["refused"] or "",
    }


def _rejections(plan: Plan) -> Iterator[str]:
    for each in plan["rejections"]:
        of = "" if each["judged"] == each["open"] else f" of the first {each['judged']:,}"
        gone = f", {each['unnamed']:,} name a column that goes" if each["unnamed"] else ""
        yield (
            f"{each['table']}: {counted(each['open'], 'open rejection')};{of}"
            f" {each['fit_before']:,} fit by themselves now, {each['fit_then']:,} then{gone}"
        )


def _backups(plan: Plan) -> Iterator[str]:
    if plan["backups"] is None:
        yield "the place of the backups is away: what becomes of them is not known"
    for each in plan["backups"] or ():
        yield f"{each['table']}: {counted(each['backups'], 'backup')} {_how(each)}"


def _how(backups: dict[str, Any]) -> str:
    if backups["refused"]:
        return f"cannot be restored: {backups['refused']}"
    said = [f"{was} as {now}" for was, now in backups["renamed"].items()]
    said += [f"without {name}" for name in backups["left_out"]]
    said += [f"{name} by its default or none" for name in backups["filled"]]
    as_is = "as it is" if backups["backups"] == 1 else "as they are"
    return f"can be restored: {', '.join(said)}" if said else f"can be restored {as_is}"
