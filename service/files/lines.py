"""Where the lines of a block of CSV lie, and which of them can be read all at once."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Places: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
LF, CR, QUOTE = b'\n\r"'
FEW = 0.05  # of the lines, that are not worth to trim all for


class Lines:
    """The lines of a block that ends with a line's end, by the places of its marks.

    `starts` and `ends` are the places of each line's first byte and of its LF. `plain` are the
    lines that hold a whole record of the right number of fields, in which each quote opens or
    closes a field; the others need a closer look. `trim` says that there are spaces around values
    in plain lines, which are to be taken off.
    """

    def __init__(self, block: bytes, delimiter: str, fields: int, nulls: bool) -> None:
        """`nulls` says that a word stands for no value, unless it is in quotes."""
        marks = np.frombuffer(block, np.uint8)
        self.ends: Places = np.flatnonzero(marks == LF)
        self.starts: Places = np.concatenate(([0], self.ends[:-1] + 1))
        delimiters = np.flatnonzero(marks == ord(delimiter))
        odd = self._padded(block, marks, delimiter)
        # Spaces around a value do not count unless they are in quotes.
        self.trim = bool(odd.mean() > FEW)
        if self.trim:
            odd[:] = False
        self.has_quotes = b'"' in block
        if self.has_quotes:
            quotes = np.flatnonzero(marks == QUOTE)
            line = np.searchsorted(self.ends, quotes)
            if not nulls and not self.trim:
                first = np.searchsorted(quotes, self.starts)
                odd |= self._badly_quoted(marks, quotes, line, first, ord(delimiter))
                delimiters = self._outside(delimiters, quotes, first)
            else:
                odd[line] = True
        if b"\r" in block:
            returns = np.flatnonzero(marks == CR)
            odd[np.searchsorted(self.ends, returns[marks[returns + 1] != LF])] = True
        up_to = np.searchsorted(delimiters, self.ends)
        self.plain: Mask = ~odd & (np.diff(up_to, prepend=0) == fields - 1)
        if not block.isascii():
            self.plain &= ~self._undecodable(block, marks)

    def _padded(self, block: bytes, marks: npt.NDArray[np.uint8], delimiter: str) -> Mask:
        """The lines with a space or a tab beside a delimiter or at an end."""
        padded = np.zeros(len(self.ends), bool)
        for space in b" " if delimiter == "\t" else b" \t":
            if space in block:
                places = np.flatnonzero(marks == space)
                around = np.stack([np.where(places > 0, marks[places - 1], LF), marks[places + 1]])
                beside = (around == ord(delimiter)) | (around == LF) | (around == CR)
                padded[np.searchsorted(self.ends, places[beside.any(axis=0)])] = True
        return padded

    def _badly_quoted(
        self, marks: npt.NDArray[np.uint8], quotes: Places, line: Places, first: Places, mark: int
    ) -> Mask:
        """The lines with a quote that neither opens nor closes a field, or closes none."""
        opens = (np.arange(len(quotes)) - first[line]) % 2 == 0
        before = np.where(quotes > 0, marks[quotes - 1], LF)
        behind = marks[quotes + 1]
        right = np.where(
            opens,
            (before == mark) | (before == LF),
            (behind == mark) | (behind == LF) | (behind == CR),
        )
        lines = len(self.ends)
        odd = np.bincount(line, minlength=lines) % 2 == 1
        odd |= np.bincount(line, weights=~right, minlength=lines) > 0
        return np.asarray(odd, bool)

    def _outside(self, delimiters: Places, quotes: Places, first: Places) -> Places:
        """The delimiters that are not within quotes."""
        line = np.searchsorted(self.ends, delimiters)
        within = (np.searchsorted(quotes, delimiters) - first[line]) % 2 == 1
        outside: Places = delimiters[~within]
        return outside

    def _undecodable(self, block: bytes, marks: npt.NDArray[np.uint8]) -> Mask:
        odd = np.zeros(len(self.ends), bool)
        try:
            block.decode()
        except UnicodeDecodeError:
            for i in np.unique(np.searchsorted(self.ends, np.flatnonzero(marks > 0x7F))).tolist():
                try:
                    block[self.starts[i] : self.ends[i]].decode()
                except UnicodeDecodeError:
                    odd[i] = True
        return odd
