"""A dictionary together with those who judge by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from service.dictionary import Dictionary, Table
from service.errors import UnknownTable
from service.judge.judge import Judge
from service.judge.micro_batches import MicroBatcher


@dataclass(frozen=True)
class Rulebook:
    """A dictionary and, by table, parents first, its judges; a build brings another rulebook.

    Whoever judges in several steps takes the current rulebook once: a build may end meanwhile.
    """

    dictionary: Dictionary
    judges: Mapping[str, Judge]
    micro_batchers: Mapping[str, MicroBatcher]

    @classmethod
    def of(cls, dictionary: Dictionary) -> Self:
        """With a new judge for each table."""
        judges = {name: Judge(table) for name, table in dictionary.tables.items()}
        batchers = {name: MicroBatcher(judge) for name, judge in judges.items()}
        return cls(dictionary, judges, batchers)

    @cached_property
    def asks_sql(self) -> bool:
        """Whether DuckDB is asked about rows of some table before they go in."""
        return any(table.asks_sql for table in self.dictionary.tables.values())

    def table(self, name: str) -> Table:
        """The table of that name.

        Raises:
            UnknownTable: the dictionary has none.
        """
        table = self.dictionary.tables.get(name)
        if table is None:
            raise UnknownTable(name, list(self.dictionary.tables))
        return table

    def judge(self, table: str) -> Judge:
        """The judge of the table of that name.

        Raises:
            UnknownTable: the dictionary has none.
        """
        return self.judges[self.table(table).name]
