"""Where the lines of a block of CSV lie, and which of them can be read all at once."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from service.formats.csv.utf8 import is_utf8

Places: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
LF, CR, BACKSLASH = b"\n\r\\"
FEW = 0.05  # of the lines, that are not worth to trim all for


class Lines:
    """The lines of a block that ends with a line's end, by the places of its marks.

    `starts` and `ends` are the places of each line's first byte and of its LF. `plain` are the
    lines that hold a whole record of the right number of fields, in which each quote opens or
    closes a field or is one of a pair within it; the others need a closer look. `unsaid` are those
    that are not what their fields make with delimiters between them. `trim` says that there are
    spaces around values in plain lines, which are to be taken off.
    """

    def __init__(
        self,
        block: bytes,
        delimiter: str,
        fields: int,
        *,
        quote: str = '"',
        escapes: bool = False,
        nulls: bool = False,
    ) -> None:
        """`nulls` says that a word stands for no value, unless it is in quotes.

        `escapes` says that a backslash is no text.
        """
        marks = np.frombuffer(block, np.uint8)
        separating = marks == ord(delimiter)
        separating |= marks == LF
        separators = np.flatnonzero(separating)
        at_ends = np.flatnonzero(marks[separators] == LF)
        self.ends: Places = separators[at_ends]
        self.starts: Places = np.concatenate(([0], self.ends[:-1] + 1))
        delimiters = np.diff(at_ends, prepend=-1) - 1  # of each line
        self.has_quotes = bool(quote) and quote.encode() in block
        quotes = _Quotes(marks, self.ends, ord(delimiter), ord(quote)) if self.has_quotes else None
        self._quote, self._quotes, self._separators = ord(quote or "\0"), quotes, separators
        self.unsaid: Mask = np.zeros(len(self.ends), bool)
        odd = self._padded(block, marks, delimiter, quotes)
        # Spaces around a value do not count unless they are in quotes.
        self.trim = bool(odd.mean() > FEW)
        if self.trim:
            odd[:] = False
        if quotes is not None:
            if nulls or self.trim:
                odd[quotes.line] = True
            else:
                odd |= quotes.badly
                within = quotes.count_within(separators)
                delimiters -= within
                self.unsaid = (within > 0) | quotes.paired
        if b"\r" in block:
            returns = np.flatnonzero(marks == CR)
            odd[np.searchsorted(self.ends, returns[marks[returns + 1] != LF])] = True
        if escapes:
            odd[np.searchsorted(self.ends, np.flatnonzero(marks == BACKSLASH))] = True
        self._marks, self._delimiter = marks, ord(delimiter)
        self.plain: Mask = ~odd & (delimiters == fields - 1)
        if not is_utf8(block):
            self.plain &= ~self._undecodable(block, marks)

    def blank_from(self, first: int) -> Mask:
        """The lines, none before the number `first`, with nothing but delimiters and spaces.

        There may be quotes, with nothing between them. They take as long as any others: a file may
        have millions of them, of which each was a record to be read.
        """
        speaks = np.ones(256, bool)
        speaks[[self._delimiter, *b" \t\r\n"]] = False
        if self._quotes is not None:
            speaks[self._quote] = False
        blank = ~np.logical_or.reduceat(speaks[self._marks], self.starts)
        returns = np.flatnonzero(self._marks == CR)
        # A CR that is not before the LF is a fault, also where nothing else is.
        stray = ~np.isin(self._marks[returns + 1], (CR, LF))
        blank[np.searchsorted(self.ends, returns[stray])] = False
        blank[: max(0, first)] = False
        if self._quotes is not None:
            blank &= ~self._quotes.saying(self._separators)
        return blank & ~self.plain

    def _padded(
        self, block: bytes, marks: npt.NDArray[np.uint8], delimiter: str, quotes: "_Quotes | None"
    ) -> Mask:
        """The lines with a space or a tab beside a delimiter or at an end, but in quotes."""
        padded = np.zeros(len(self.ends), bool)
        for space in b" \t".replace(delimiter.encode(), b""):
            if space in block:
                spaces = np.flatnonzero(marks == space)
                beside = np.zeros(len(spaces), bool)
                for around in np.where(spaces > 0, marks[spaces - 1], LF), marks[spaces + 1]:
                    beside |= (around == ord(delimiter)) | (around == LF) | (around == CR)
                places = spaces[beside]
                lines = np.searchsorted(self.ends, places)
                if quotes is not None:
                    lines = lines[~quotes.hold(places, lines)]
                padded[lines] = True
        return padded

    def _undecodable(self, block: bytes, marks: npt.NDArray[np.uint8]) -> Mask:
        odd = np.zeros(len(self.ends), bool)
        for i in np.unique(np.searchsorted(self.ends, np.flatnonzero(marks > 0x7F))).tolist():
            odd[i] = not is_utf8(block[self.starts[i] : self.ends[i]])
        return odd


class _Quotes:
    """The quotes of a block: of each, in which `line` it is; of each line, whether it is `badly`
    quoted (a quote neither opens nor closes a field and is none of a pair, or a field is not
    closed) and whether it has quotes that are `paired`, and so stand for one.
    """

    def __init__(
        self, marks: npt.NDArray[np.uint8], ends: Places, delimiter: int, quote: int
    ) -> None:
        self.places = np.flatnonzero(marks == quote)
        self.line = np.searchsorted(ends, self.places)
        self._lines = len(ends)
        self._count = np.bincount(self.line, minlength=self._lines)
        self._first = np.cumsum(self._count) - self._count  # of each line
        self._opens: Mask = (np.arange(len(self.places)) - self._first[self.line]) % 2 == 0
        before = np.where(self.places > 0, marks[self.places - 1], LF)
        after = marks[self.places + 1]
        starts = (before == delimiter) | (before == LF)
        closes = (after == delimiter) | (after == LF) | (after == CR)
        paired = np.where(self._opens, before == quote, after == quote)
        self.paired: Mask = self._in_lines(paired)
        right = np.where(self._opens, starts, closes) | paired
        self.badly: Mask = (self._count % 2 == 1) | self._in_lines(~right)

    def _in_lines(self, which: Mask) -> Mask:
        found = np.zeros(self._lines, bool)
        found[self.line[which]] = True
        return found

    def hold(self, places: Places, lines: Places) -> Mask:
        """Which of `places`, in `lines`, are within quotes, if the lines are well quoted."""
        found = np.zeros(len(places), bool)
        doubted = np.flatnonzero(self._count[lines])
        before = np.searchsorted(self.places, places[doubted]) - self._first[lines[doubted]]
        found[doubted] = before % 2 == 1
        return found

    def saying(self, separators: Places) -> Mask:
        """The lines whose quotes are more than one pair a field with nothing between."""
        if len(self.places) < 2:
            return np.asarray(self._count > 0)
        opening = np.flatnonzero(self._opens[:-1])
        fields = np.searchsorted(separators, self.places[opening])
        says = np.diff(self.places)[opening] > 1
        says[1:] |= fields[1:] == fields[:-1]
        found: Mask = self._count % 2 == 1
        found[self.line[opening][says]] = True
        return found

    def count_within(self, separators: Places) -> Places:
        """How many delimiters are within quotes, of each line that is well quoted."""
        opening = np.flatnonzero(self._opens[:-1])
        counts = np.diff(np.searchsorted(separators, self.places))[opening]
        weighed = np.bincount(self.line[opening], counts, self._lines)
        return weighed.astype(np.int64)
