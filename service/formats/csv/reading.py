"""A file as it is by one of the dialects that it may be of."""

from collections.abc import Sequence
from functools import cached_property

from service.formats.csv.dialect import (
    DialectOptions,
    ExpectedColumn,
    FileField,
    UnreadableFile,
)
from service.formats.csv.fitting import Fitting
from service.formats.csv.header import HeaderLine, find_header
from service.formats.csv.matching import as_said, by_header, by_position
from service.formats.csv.sample import COMPARED, Sample


class Reading:
    """The file as it is by one dialect: header, fields, and how many of its records fit."""

    def __init__(
        self,
        sample: Sample,
        skip: int,
        expected: Sequence[ExpectedColumn],
        options: DialectOptions,
    ) -> None:
        self.sample, self.skip, self._expected, self._options = sample, skip, expected, options
        self.header: HeaderLine | None = None
        self.fields: list[FileField] = []
        self.failure: UnreadableFile | None = None
        self.reasons: tuple[str, ...] = ()
        try:
            self.header = find_header(sample, expected, options)
            self.fields = self._match()
        except UnreadableFile as error:
            self.failure = error
        if self.header and self.header.mended:
            self.reasons = (self.header.mended,)
        self._fitting = Fitting(self.fields)

    @cached_property
    def body(self) -> list[list[str]]:
        """The fields of the records behind the header that can be read."""
        first = self.header.place + 1 if self.header else 0
        return [line.fields for line in self.sample.records[first:] if line.fields]

    @cached_property
    def fit(self) -> float:
        """The share of the first records that fit the table."""
        first = self.header.place + 1 if self.header else 0
        lines = self.sample.records[first : first + COMPARED]
        if self.failure or not lines:
            return 0.0
        return sum(map(self.fits, (line.fields for line in lines))) / len(lines)

    @property
    def likelihood(self) -> float:
        """What speaks for it: records that fit, and names that are known."""
        known = self.header.known if self.header else 0
        return round(self.fit + 0.5 * known / len(self._expected), 9)

    @property
    def resemblance(self) -> tuple[float, ...]:
        """What speaks for it where no record fits: as many fields as columns, and alike."""
        records = self.sample.records
        width = len(self._options.columns or self._expected)
        as_wide = sum(len(line.fields) == width for line in records)
        alike = sum(len(line.fields) == self.sample.width > 1 for line in records)
        return as_wide / (len(records) or 1), alike / (len(records) or 1)

    @cached_property
    def values(self) -> list[list[str]]:
        """What is read of the first records."""
        places = [i for i, field in enumerate(self.fields) if field.column]
        return [[row[i] for i in places] for row in self.body[:COMPARED] if self.fits(row)]

    @property
    def names_are_wrapped(self) -> bool:
        """Whether the header has names within single quotes, which are read as text."""
        return any(map(_is_wrapped, self.header.names if self.header else ()))

    @property
    def values_are_wrapped(self) -> bool:
        """Whether a column has values within single quotes, as they are read: not one by chance."""
        for column in zip(*self.values, strict=True):
            there = [value for value in column if value]
            if sum(map(_is_wrapped, there)) * 10 >= len(there) > 0:
                return True
        return False

    def fits(self, fields: list[str]) -> bool:
        """Whether the fields of a record fit the table."""
        return self._fitting.fits(fields) or self._fitting.padded(fields) is not None

    def _match(self) -> list[FileField]:
        options, header = self._options, self.header
        body_width = self.sample.width_below(header.place if header else -1)
        names = list(header.names) if header else []
        width = max(len(names), body_width) if not header else len(names)
        if header:
            names, width = self._trimmed(names, body_width)
        if options.columns is not None:
            return as_said(options.columns, width or len(options.columns), self._expected)
        if header is None:
            return by_position(width, self.body, self._expected)
        return by_header(names, self.body, self._expected)

    def _trimmed(self, names: list[str], body_width: int) -> tuple[list[str], int]:
        """The header as wide as most rows, where they differ by what is empty at the end."""
        while len(names) > max(body_width, 1) and not names[-1].strip():
            names.pop()
        extra = range(len(names), body_width)
        if not any(len(row) > i and row[i] for row in self.body for i in extra):
            names += [""] * len(extra)
        return names, len(names)


def _is_wrapped(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == "'"
