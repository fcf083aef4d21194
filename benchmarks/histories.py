"""Histories of any length, 5 % of the rows dirty: seeds/generate.py's gaps and all other faults."""

from collections.abc import Callable, Iterator
from pathlib import Path

from seeds import generate

# Of 1000 rows of the generator 35 have a gap (not_null); every 66th row gets another fault, 15 in
# 1000, together 5 %.
EVERY = 66


def write_history(folder: Path, hires: int) -> None:
    """Writes the three files into `folder`; only a header where `hires` is 0."""
    generate.write_seeds(folder, max(hires, generate.FEWEST_HIRES))
    path = folder / "raw_hired_employees.csv"
    clean = path.with_suffix(".clean")
    path.rename(clean)
    with (
        clean.open(encoding="utf-8", newline="\n") as lines,
        path.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write(next(lines))
        if hires:
            file.writelines(_dirtied(lines))
    clean.unlink()


def _dirtied(lines: Iterator[str]) -> Iterator[str]:
    before = ""
    for number, line in enumerate(lines):
        if number % EVERY == EVERY - 1:
            row_id = line.partition(",")[0]
            yield FAULTS[number // EVERY % len(FAULTS)](row_id, before)
        else:
            before = line
            yield line


def _row(
    row_id: str,
    name: str = "Oriol Quiroga-Vance",
    datetime: str = "2021-06-14T09:30:00Z",
    department: str = "5",
    job: str = "96",
) -> str:
    return f"{row_id},{name},{datetime},{department},{job}\n"


# Each kind of dirt as a function of the row's own id and the row before it.
FAULTS: tuple[Callable[[str, str], str], ...] = (
    lambda row_id, _: _row(row_id, name='"   "'),  # not_blank
    lambda row_id, _: _row(row_id, name="X" * 256),  # max_length
    lambda row_id, _: _row(row_id, department="99"),  # relationships
    lambda row_id, _: _row(row_id, job="9999"),  # relationships
    lambda row_id, _: _row(row_id, datetime="2021-06-14T09:30:00"),  # utc_datetime
    lambda row_id, _: _row(row_id, datetime="2021-06-14T09:30:00+02:00"),  # utc_datetime
    lambda row_id, _: _row(row_id, datetime="2021-02-30T08:15:00Z"),  # type
    lambda row_id, _: _row(row_id, job="12.5"),  # type
    lambda row_id, _: _row(row_id, department="five"),  # type
    lambda row_id, _: _row(f"-{row_id}"),  # in_range
    lambda row_id, _: _row(row_id, name="", datetime="never", department="99"),  # three at once
    lambda row_id, _: _row(row_id, job="96,too,many"),  # unknown_field
    lambda _, before: _row(before.partition(",")[0]),  # unique
    lambda _, before: before,  # already present
)
