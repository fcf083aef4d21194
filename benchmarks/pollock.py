"""The files of Pollock, a benchmark of CSV loading, and its score.

*Pollock: A Data Loading Benchmark* (Vitagliano et al., VLDB 2023) pollutes one file of sales in
2,290 ways. A folder has the 22 files that are polluted as a whole; those in which one row is are
made here as Pollock makes them. How they are scored, too, is told by its formula: each file has ten
figures between 0 and 1 (loaded at all; precision, recall and F1 of the header's names, of the
records, of the cells, as multisets), whose sums are averaged over the files.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

Row = list[str]
COLUMNS = (
    *("DATE", "TIME", "Qty", "PRODUCTID", "Price"),
    *("ProductType", "ProductDescription", "URL", "Comments"),
)

# How many of the 3,712 public files that Pollock has looked at are polluted so. A kind that is made
# in many places shares them out.
MULTIROW, MULTITABLE = Fraction(47), Fraction(188, 3)
WEIGHTS = {
    "source": Fraction(1),
    "file_no_payload": Fraction(15),
    "file_no_trailing_newline": Fraction(184),
    "file_double_trailing_newline": Fraction(5),
    "file_no_header": Fraction(470),
    "file_header_multirow_2": MULTIROW,
    "file_header_multirow_3": MULTIROW,
    "file_preamble": Fraction(282),
    "file_multitable_same": MULTITABLE,
    "file_multitable_more": MULTITABLE,
    "file_multitable_less": MULTITABLE,
    "file_header_only": Fraction(3),
    "file_one_data_row": Fraction(4),
    "file_record_delimiter_0xD": Fraction(7),
    "file_record_delimiter_0xA": Fraction(1691),
    "file_field_delimiter_0x9": Fraction(4),
    "file_field_delimiter_0x3B": Fraction(834),
    "file_field_delimiter_0x20": Fraction(4),
    "file_field_delimiter_0x2C_0x20": Fraction(101),
    "file_quotation_char_0x27": Fraction(11),
    "file_escape_char_0x5C": Fraction(1),
    "file_escape_char_0x00": Fraction(7),
}
WEIGHTS_OF_ROWS = {
    "row_less_sep": Fraction(260, 707),
    "row_more_sep": Fraction(260, 707),
    "row_extra_quote": Fraction(1, 108),
    "row_field_delimiter": Fraction(1, 7),
}
# What is compared by its meaning, and how it is written then.
MEANT: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"-?\d+"), lambda cell: str(int(cell))),
    (re.compile(r"-?\d*\.\d+"), lambda cell: str(float(cell))),
    (re.compile(r"\$\d+(\.\d+)?"), lambda cell: f"${float(cell[1:])}"),
    (re.compile(r"\d\d:\d\d"), lambda cell: f"{cell}:00"),
    (re.compile(r"\d\d/\d\d/\d{4}"), lambda cell: f"{cell[6:]}-{cell[3:5]}-{cell[:2]} 00:00:00"),
)


@dataclass(frozen=True)
class File:
    """A polluted file, and the rows that a system should find in it, the header first."""

    name: str
    content: bytes
    clean: list[Row]

    @property
    def kind(self) -> str:
        """What was done to it."""
        known = (kind for kind in WEIGHTS_OF_ROWS if self.name.startswith(kind))
        return next(known, self.name)

    @property
    def weight(self) -> Fraction:
        """How often that is seen in the world."""
        return WEIGHTS_OF_ROWS.get(self.kind) or WEIGHTS[self.name]

    @property
    def nameless(self) -> bool:
        """Whether it has no header."""
        return self.name == "file_no_header"


def given(folder: Path) -> Iterator[File]:
    """The files that `folder` has: `csv` as a system gets them, `clean` as it should read them."""
    for path in sorted((folder / "csv").glob("*.csv")):
        yield File(path.stem, path.read_bytes(), _rows_of(folder / "clean" / path.name))


def all_files(folder: Path) -> Iterator[File]:
    """The whole benchmark."""
    for file in given(folder):
        if file.kind in WEIGHTS:
            yield file
    yield from polluted_rows(folder)


def polluted_rows(folder: Path) -> Iterator[File]:
    """The source with one row polluted, for every row and every place in it."""
    lines = (folder / "csv" / "source.csv").read_text().splitlines(keepends=True)
    clean = _rows_of(folder / "clean" / "source.csv")
    for i, line in enumerate(lines):
        for name, polluted, stray in _pollutions(i, line.removesuffix("\n")):
            content = "".join([*lines[:i], polluted + "\n", *lines[i + 1 :]])
            rows = clean
            if stray is not None:
                row = [*clean[i][:stray], '"' + clean[i][stray], *clean[i][stray + 1 :]]
                rows = [*clean[:i], row, *clean[i + 1 :]]
            yield File(name, content.encode(), rows)


def _pollutions(i: int, line: str) -> Iterator[tuple[str, str, int | None]]:
    """Each way to pollute a line: its name, what becomes of the line, the cell with a stray quote.

    A cell with a stray quote is meant to have it in its text; the others to be as they were.
    """
    cells = re.findall(r'(?:^|(?<=,))(?:"(?:[^"]|"")*"|[^",]*)(?=,|$)', line)
    for j, cell in enumerate(cells):
        before, after = ",".join(cells[:j]), ",".join(cells[j:])
        yield f"row_more_sep_row{i}_col{j}", f"{before},{',' if j else ''}{after}", None
        if j:
            yield f"row_less_sep_row{i}_col{j}", before + after, None
        quoted = '""' + cell[1:] if cell.startswith('"') else '"' + cell
        yield f"row_extra_quote{i}_col{j}", ",".join([*cells[:j], quoted, *cells[j + 1 :]]), j
    yield f"row_field_delimiter_{i}_0x20", " ".join(cells), None


def _rows_of(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


@dataclass(frozen=True)
class Figures:
    """Precision, recall and F1 of a multiset."""

    precision: float
    recall: float

    @property
    def sum(self) -> float:
        """All three."""
        both = self.precision + self.recall
        return both + (2 * self.precision * self.recall / both if both else 0.0)


def score(clean: Sequence[Row], loaded: Sequence[Row] | None) -> float:
    """How well a file was read, from 0 to 10; `loaded` is None where it was refused."""
    if loaded is None:
        return 0.0
    if not clean:
        return 10.0
    header = _figures(
        [_normal(cell) for cell in clean[0]], [_normal(cell) for row in loaded[:1] for cell in row]
    )
    records = _figures(
        ["".join(map(_normal, row)) for row in clean[1:]],
        ["".join(map(_normal, row)) for row in loaded[1:]],
    )
    cells = _figures(
        [cell for row in clean for cell in row], [cell for row in loaded for cell in row]
    )
    return 1.0 + header.sum + records.sum + cells.sum


def _figures(clean: Sequence[str], loaded: Sequence[str]) -> Figures:
    if not clean:
        return Figures(1.0, 1.0)
    both = (Counter(clean) & Counter(loaded)).total()
    return Figures(both / len(clean), both / len(loaded)) if both else Figures(0.0, 0.0)


def _normal(cell: str) -> str:
    """What a cell means: a number, a day, a time or a price need not be written alike.

    Pollock knows more ways to write them, which its files have not.
    """
    for pattern, write in MEANT:
        if pattern.fullmatch(cell):
            return write(cell)
    return cell.lower()


def as_read_again(rows: Sequence[Row]) -> list[Row]:
    """Rows as they are after they were written as CSV and read by Python."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return list(csv.reader(io.StringIO(text.getvalue(), newline="")))
