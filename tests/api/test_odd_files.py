"""Odd files at the doors of a service: what comes of each, as their list says."""

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import fastavro
import httpx
import pytest

from service.runtime.settings import Settings
from tests.support import CHECKOUT
from tests.support.answers import ended
from tests.support.door import found as violations
from tests.support.services import serving, settings_in

FOLDER = CHECKOUT.parent / "shared" / "data" / "odd_files"
CSV, JSON, AVRO = "text/csv", "application/json", "application/avro"
MOMENT = "2021-01-02T03:04:05Z"


@pytest.fixture(scope="module")
def client(built: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of a service with departments and jobs 1 to 5 and no hires."""
    settings = settings_in(tmp_path_factory.mktemp("odd"))
    shutil.copy(built.warehouse, settings.warehouse)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("delete from core.hired_employees")
        connection.execute("delete from core.departments where id > 5")
        connection.execute("delete from core.jobs where id > 5")
    with serving(settings) as client:
        yield client


@dataclass(frozen=True)
class Outcome:
    """What came of a file: how many rows, the lines that were kept out and why; or a refusal."""

    received: int = 0
    accepted: int = 0
    rejected: dict[int, str] = field(default_factory=dict)
    refused: str = ""

    @property
    def counts(self) -> tuple[int, int, list[int]]:
        """Received, accepted, and the lines that were kept out."""
        return self.received, self.accepted, sorted(self.rejected)


def load(client: httpx.Client, table: str, content: bytes, **said: Any) -> Outcome:
    """What would come of a file, or has come of it where it is said to be no dry run."""
    taken = client.post(
        f"/v1/tables/{table}/files",
        content=content,
        params={"filename": "odd.csv", "dry_run": True, **said},
        headers={"Content-Type": CSV},
    )
    if taken.status_code != 202:
        assert taken.status_code < 500, taken.text
        return Outcome(refused=taken.json()["detail"])
    found = ended(client, taken.json()["href"])
    if found["status"] != "done":
        return Outcome(refused=str(found.get("message") or found))
    kept_out = {
        each["line"]: "; ".join(v["message"] for v in each["violations"])
        for each in found.get("rejections", ())
    }
    return Outcome(found["received"], found["accepted"], kept_out)


Check = Callable[[Outcome], bool]


def is_(received: int, accepted: int, *rejected: int) -> Check:
    """These counts; the lines that were kept out."""
    return lambda found: not found.refused and found.counts == (received, accepted, [*rejected])


def refused(found: Outcome) -> bool:
    """Nothing of it was loaded, and that was said."""
    return bool(found.refused)


def because(check: Check, line: int, reason: str) -> Check:
    """It also says why."""
    return lambda found: check(found) and reason in found.rejected.get(line, "")


@dataclass(frozen=True)
class Case:
    """A file, and each thing that may come of it."""

    name: str
    table: str
    may: tuple[Check, ...]
    said: dict[str, Any] = field(default_factory=dict)


HIRED = "hired_employees"
CASES = (
    Case("01-first-line-stray-quote.csv", HIRED, (because(is_(2, 1, 1), 1, "quote"),)),
    Case("03-first-two-lines-malformed.csv", "jobs", (is_(3, 1, 1, 2),)),
    Case(
        "04-null-marks-only-padded.csv",
        "departments",
        (because(because(is_(42, 41, 3), 3, "id is missing"), 3, "department is missing"),),
        {"null": "NA"},
    ),
    Case(
        "06-first-row-bad-id-taken-for-header.csv",
        "departments",
        (because(is_(3, 2, 1), 1, "id is not a whole number"), refused),
    ),
    Case(
        "07-stray-quote-swallows-rows-of-two-columns.csv",
        "departments",
        (is_(3, 2, 2), is_(8, 6, 2, 7)),
    ),
    Case("08-quoted-note-that-holds-csv-lines.csv", HIRED, (is_(1, 1), is_(1, 0, 2))),
    Case(
        "09-trailing-delimiter-and-a-comma-in-text-beyond-1000-rows.csv",
        "departments",
        (is_(1202, 1201, 1203),),
    ),
    Case("10-one-odd-header-name-swaps.csv", HIRED, (is_(1, 1), refused)),
    Case("12-title-line-before-header-swaps.csv", HIRED, (is_(1, 1), refused)),
    Case("14-double-bom-swaps.csv", HIRED, (is_(1, 1), refused)),
    Case("16-camel-case-swaps.csv", HIRED, (is_(1, 1),)),
    Case("17-job-department-swaps.csv", HIRED, (is_(1, 1), refused)),
    Case("18-renamed-other-order-swaps.csv", HIRED, (refused,)),
    Case("20-nbsp-in-header.csv", "departments", (is_(1, 1),)),
    Case("30-all-quoted-comma.csv", "departments", (is_(1, 1),)),
    Case("31-all-quoted-semicolon.csv", "departments", (is_(1, 1),)),
    Case("33-headerless-semicolon-commas-in-text.csv", "departments", (is_(2, 2),)),
    Case("35-headerless-semicolon-quoted-text-with-comma.csv", "departments", (is_(2, 2),)),
    Case("36-delimiter-ends-data-lines-only.csv", "departments", (is_(2, 2),)),
    Case("38-one-title-line.csv", "departments", (is_(2, 2),)),
    Case("40-mac-line-ends-with-line-feed-in-cell.csv", "departments", (is_(2, 2),)),
    Case("41-control-a-delimiter-said.csv", "departments", (is_(2, 2),), {"delimiter": "\x01"}),
    Case("42-space-after-sep.csv", "departments", (is_(1, 1), refused)),
    Case("43-dos-end-of-file.csv", "departments", (is_(1, 1),)),
    Case(
        "45-first-record-longer-than-the-sample.csv",
        "departments",
        (is_(2, 1, 1), is_(2, 1, 2), is_(2, 2)),
    ),
    Case("46-lone-cr-in-crlf-file.csv", "departments", (is_(3, 3), is_(2, 1, 2))),
    Case("50-encoding-said-utf16.csv", "departments", (refused,), {"encoding": "utf-16"}),
    Case(
        "51-encoding-said-ascii.csv", "departments", (is_(1, 0, 2), refused), {"encoding": "ascii"}
    ),
    Case("53-utf16-cut-in-half.csv", "departments", (is_(2, 1, 3), refused)),
    Case("60-lower-case-z.csv", HIRED, (is_(1, 1), because(is_(1, 0, 1), 1, "Z"))),
    Case("62-basic-offset-and-no-seconds.csv", HIRED, (is_(2, 0, 1, 2),)),
    Case("63-invisible-name.csv", "departments", (because(is_(2, 0, 1, 2), 1, "blank"),)),
    Case("64-nul-in-name.csv", "departments", (is_(3, 2, 1),)),
)


@pytest.mark.skipif(not FOLDER.exists(), reason="the odd files are not here")
def test_of_each_odd_file_comes_what_its_list_says(client: httpx.Client) -> None:
    wrong = []
    for case in CASES:
        found = load(client, case.table, (FOLDER / case.name).read_bytes(), **case.said)
        if not any(check(found) for check in case.may):
            wrong.append(f"{case.name}: {found}")
        if "is not ISO 8601" in str(found) or "is not an ISO 8601" in str(found):
            wrong.append(f"{case.name}: {found}: it is")
    for name in ("70-ids-as-double.avro", "71-datetime-as-text.avro", "73-extra-array-column.avro"):
        answer = taken_in(client, (FOLDER / name).read_bytes())
        if answer.status_code != 201:
            wrong.append(f"{name}: {answer.status_code} {answer.text}")
    wrong += odd_batches(client, *((FOLDER / name).read_bytes() for name in BATCHES))
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong)


# Of these, two columns of numbers could change places: what is loaded of them must say the same.
SWAPPED = {
    "10-one-odd-header-name-swaps.csv": 401,
    "12-title-line-before-header-swaps.csv": 403,
    "14-double-bom-swaps.csv": 405,
    "16-camel-case-swaps.csv": 407,
    "17-job-department-swaps.csv": 408,
}


@pytest.mark.skipif(not FOLDER.exists(), reason="the odd files are not here")
@pytest.mark.parametrize("name", SWAPPED)
def test_no_two_columns_change_places(client: httpx.Client, name: str) -> None:
    found = load(client, HIRED, (FOLDER / name).read_bytes(), dry_run=False)
    if not found.refused:
        row = client.get(f"/v1/tables/{HIRED}/rows/{SWAPPED[name]}").json()
        assert (row["department_id"], row["job_id"]) == (1, 4)


BATCHES = ("74-bom.json", "75-spaces-in-a-csv-batch.csv", "76-stray-quote-in-a-csv-batch.csv")


def taken_in(client: httpx.Client, content: bytes) -> httpx.Response:
    """The answer to an Avro file from elsewhere."""
    return client.post(
        f"/v1/tables/{HIRED}/backups", content=content, headers={"Content-Type": AVRO}
    )


def sent(client: httpx.Client, content: bytes, kind: str = CSV) -> httpx.Response:
    """The answer to a batch of departments."""
    return client.post(
        "/v1/tables/departments/rows", content=content, headers={"Content-Type": kind}
    )


def odd_batches(client: httpx.Client, bom: bytes, spaces: bytes, quote: bytes) -> list[str]:
    """What is wrong with what comes of three batches."""
    wrong = []
    answer = sent(client, bom, JSON)
    if answer.status_code != 201 and "byte order mark" not in answer.text.lower():
        wrong.append(f"a byte order mark: {answer.status_code} {answer.text}")
    answer = sent(client, spaces)
    number = spaces.splitlines()[1].split(b",")[0].decode()
    kept = client.get(f"/v1/tables/departments/rows/{number}").json()
    if answer.status_code != 201 or kept.get("department") != "Ann":
        wrong.append(f"spaces: {answer.status_code} {answer.text} {kept}")
    answer = sent(client, quote)
    if answer.status_code == 207:
        if (answer.json()["accepted"], list(violations(answer))) != (2, [2]):
            wrong.append(f"a stray quote: {answer.text}")
    elif answer.status_code != 400 or "line 4" not in answer.text:
        wrong.append(f"a stray quote: {answer.status_code} {answer.text}")
    return wrong


# The same of our own: rows, and what is judged behind the reader.
PLAIN = "".join(f"{i},Plain words\n" for i in range(7202, 7210))


def test_batches_are_read_as_files_are(client: httpx.Client) -> None:
    assert not odd_batches(
        client,
        b'\xef\xbb\xbf[{"id": 7001, "department": "P"}]',
        b"id,department\r\n7002,\t Ann  \r\n",
        b'id,department\n7003,P\n7004,Q\n7005,"R" S\n',
    )


BLANK = ("\u200b", "\ufeff", "\u2060", "\u200b \u200d", "\u00ad")
WITH_NUL = ("\x00", "a\x00", "\x00b", "a\x00b")
MOMENTS = ("2021-07-27T16:02:08+0000", "2021-07-27T16:02Z", "20210727T160208Z", "2021-W30-2")


def test_a_name_of_what_cannot_be_seen_is_blank(client: httpx.Client) -> None:
    odd = "".join(f"{i},{blank}\n" for i, blank in enumerate(BLANK, 7101))
    found = load(client, "departments", f"id,department\n{odd}{PLAIN}".encode())
    assert found.counts == (5 + 8, 8, [2, 3, 4, 5, 6])
    assert all("blank" in said for said in found.rejected.values())


def test_a_text_with_nul_is_kept_out(client: httpx.Client) -> None:
    odd = "".join(f"{i},{text}\n" for i, text in enumerate(WITH_NUL, 7101))
    found = load(client, "departments", f"id,department\n{odd}{PLAIN}".encode())
    assert found.counts == (4 + 8, 8, [2, 3, 4, 5])


def test_a_moment_that_is_kept_out_is_not_said_to_be_no_iso_8601(client: httpx.Client) -> None:
    moments = (*MOMENTS, *[MOMENT] * 4)
    lines = "".join(f"{i},Ann Lee,{moment},1,1\n" for i, moment in enumerate(moments, 7301))
    found = load(client, HIRED, lines.encode())
    assert found.counts == (8, 4, [1, 2, 3, 4])
    assert not any("is not an ISO 8601" in said for said in found.rejected.values())


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"id": "double"}, {"id": 7401.0}),
        ({"department_id": "double", "job_id": "float"}, {"department_id": 2.0, "job_id": 3.0}),
        ({"datetime": "string"}, {"datetime": MOMENT}),
        ({"tags": {"type": "array", "items": "string"}}, {"tags": ["a", "b"]}),
        ({"more": {"type": "map", "values": "long"}}, {"more": {"a": 1}}),
    ],
)
def test_avro_from_elsewhere_is_taken_where_it_is_clear(
    client: httpx.Client, change: dict[str, Any], value: dict[str, Any]
) -> None:
    types: dict[str, Any] = {
        "id": "int",
        "name": "string",
        "datetime": {"type": "long", "logicalType": "timestamp-micros"},
        "department_id": "int",
        "job_id": "int",
    }
    row = {"id": 7400, "name": "Ann", "datetime": 1_609_556_645_000_000}
    row |= {"department_id": 1, "job_id": 1}
    fields = [{"name": name, "type": kind} for name, kind in {**types, **change}.items()]
    file = io.BytesIO()
    fastavro.writer(file, {"type": "record", "name": "hires", "fields": fields}, [row | value])
    answer = taken_in(client, file.getvalue())
    assert answer.status_code == 201, answer.text
