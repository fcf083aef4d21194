"""Errors as the command line shows them: one line, a hint, an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from service.cli import interruptions, output
from service.errors import Problem

REJECTED, USAGE, UNREACHABLE = 1, 2, 3
# What the reader can do, by the last part of a problem's type, or by its status.
HINTS = {
    "401": "set GATEHOUSE_KEY to a key of this service",
    "403": "set GATEHOUSE_KEY to a key that may do this",
    "unknown-table": "`gatehouse tables` lists the tables",
    "dangling-references": "remove what refers to it first; or, of a restore, restore the tables"
    " that refer to it too: `gatehouse restore --set SET_ID`; `gatehouse backups` lists the sets",
    "brings-back-erased": "--with-erased brings them back; `gatehouse erase --backups` writes"
    " backups anew, without them",
    "unreadable-file": "`gatehouse load --help` shows how to say what shape a file has",
    "damaged-backup": "`gatehouse verify` says which backups are whole",
    "too-large": "send fewer rows at once, or a whole file: `gatehouse load`",
}
# What lists the ids that there are, by what is said of one that is not there.
LISTS = {
    "there is no such rejection": "`gatehouse rejections` lists them",
    "there is no backup of this id": "`gatehouse backups` lists them",
    "there is no set of backups of this id": "`gatehouse backups` lists them",
    "there is no such load": "`gatehouse loads` lists them",
    "there is no such build": "`gatehouse builds` lists those since the service was started",
    "there is no key of this name": "`gatehouse keys list` lists them",
}


class Failure(Exception):
    """Ends the command with exit code `code`; `hint` says what the reader can do."""

    code: ClassVar[int] = REJECTED

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class WrongSettings(Failure):
    """A setting or an argument cannot be used."""

    code = USAGE


class Unreachable(Failure):
    """No service answers, or no warehouse can be opened."""

    code = UNREACHABLE


class Refused(Failure):
    """The service answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, problem: dict[str, Any], is_repeated: bool = False) -> None:
        """`is_repeated` says whether it was the stored answer to an Idempotency-Key."""
        title = str(problem.get("title") or f"status {status}")
        # A title is ours, in capitals as one; a detail may begin with a name from outside.
        message = str(problem.get("detail") or title[:1].lower() + title[1:])
        slug = str(problem.get("type", "")).rpartition("/")[2].rpartition(":")[2]
        lists = LISTS.get(message) if slug == "not-found" else None
        super().__init__(message, lists or HINTS.get(slug) or HINTS.get(str(status)))
        self.status = status
        self.problem = problem
        self.is_repeated = is_repeated

    def of_file(self, name: str, path: str, place: str = "") -> "Refused":
        """The same, of a file that the service calls by its `name`, and the user by its path."""
        rest = self.message.removeprefix(f"{name}: ")
        self.message = f"{path}{place}: {rest}"
        return self

    @property
    def exit_code(self) -> int:
        """3 where the warehouse is not available (503), else 1."""
        return UNREACHABLE if self.status == 503 else REJECTED


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Reports a failure on stderr (with --json also the problem document on stdout), and exits."""
    try:
        with interruptions.raised():
            yield
    except interruptions.Interrupted as interrupted:
        if not interrupted.is_told:
            output.note("interrupted")
        sys.exit(interrupted.exit_code)
    except Refused as refused:
        if as_json:
            output.print_json(refused.problem)
        _tell(refused, violations=refused.problem.get("violations") or [])
        sys.exit(refused.exit_code)
    except Problem as problem:
        _tell(Unreachable(problem.detail))
        sys.exit(UNREACHABLE)
    except Failure as failure:
        _tell(failure)
        sys.exit(failure.code)
    except BrokenPipeError:
        raise  # click ends the command quietly: no one reads on
    except OSError as error:
        _tell(Failure(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
        sys.exit(REJECTED)


def _tell(failure: Failure, violations: Any = ()) -> None:
    output.note(f"error: {failure.message}")
    for violation in violations:
        output.note("  " + ": ".join(str(violation[key]) for key in violation if key != "value"))
    if failure.hint:
        output.note(f"HINT: {failure.hint}")
