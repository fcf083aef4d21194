"""The history that Gatehouse starts with: three CSV files, made up, the same on every machine.

| file | rows | columns |
|---|--:|---|
| `raw_departments.csv` | 12 | `id,department` |
| `raw_jobs.csv` | 183 | `id,job` |
| `raw_hired_employees.csv` | 2,000 | `id,name,datetime,department_id,job_id` |

Each has a header, commas, `\\n` line ends and UTF-8; a value is quoted where it has to be. The row
in place *n* has the id *n*, except where an id is repeated. Hires fall between 2021-01-01 and
2022-02-15, some 82 % of them in 2021. The people, departments and jobs are invented.

**Dirt** in `raw_hired_employees.csv`, one fault a row, so that the rules have something to refuse.
In every 2,000 rows, at random places (and in proportion in fewer):

- a gap, 70 times (`not_null`): no name 20, no datetime 15, no department 20, no job 15.

And once in the whole file, however long, within its first 2,000 rows:

- a name of spaces only, in quotes (`not_blank`);
- a department that does not exist, 99 (`relationships`);
- a datetime without its `Z` (`utc_datetime`);
- a datetime on 2021-02-30 (`type`);
- a job `12.5` (`type`);
- an id that is there already, with other content (`unique`);
- a row that is there already, the same to the letter: neither accepted nor rejected, but already
  present;
- and, nothing wrong with it, an id written as a float, `1500.0` in the file of 2,000 rows.

`python seeds/generate.py [folder] [--hires N] [--seed N]` makes the files, and larger ones: 10
million hires in some seconds, in little memory.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
DEFAULT_SEED = 2021
FEWEST_HIRES = 100
BLOCK = 2_000

# Gaps in every BLOCK rows.
GAPS = {"name": 20, "datetime": 15, "department_id": 20, "job_id": 15}

# Department → weight: how often it hires.
DEPARTMENTS = {
    "Fleet Operations": 7,
    "Field Service": 9,
    "Customer Care": 10,
    "Data Platform": 6,
    "Product Design": 4,
    "People and Culture": 3,
    "Supply Chain": 8,
    "Public Affairs": 2,
    "Treasury": 2,
    "Safety, Health & Environment": 4,
    "Workshops": 6,
    "Archives": 1,
}

# Forty-five trades on four steps, and three chairs: 183 jobs. Step → weight.
STEPS = {"Junior {}": 4, "{}": 6, "{}, Senior": 3, "Lead {}": 1}
TRADES = """
    Route Planner|Fleet Dispatcher|Warehouse Planner|Customs Broker|Buyer|Packaging Technologist
    Service Mechanic|Welder|Tool Maker|Crane Rigger|Calibration Technician|Workshop Planner
    Care Agent|Complaints Handler|Translator|Interpreter|Onboarding Guide|Community Host
    Data Steward|Query Engineer|Pipeline Engineer|Platform Engineer|Site Reliability Engineer
    Security Analyst|Network Planner|Release Manager|Test Automation Engineer|Firmware Engineer
    Interaction Designer|Illustrator|Copywriter|User Researcher|Type Designer|Sound Designer
    Payroll Officer|Talent Partner|Learning Designer|Cash Manager|Risk Modeller|Claims Adjuster
    Press Officer|Policy Adviser|Safety Inspector|Fire Warden|Archivist
"""
CHAIRS = ("Head of Workshops", "Head of Archives", "Ombudsperson")

FIRST_NAMES = """
    Adaeze Aino Alba Amara Anselm Anouk Arjun Aroha Asta Bao Basma Bertil Björn Bogdan Bruna Caio
    Celina Chiara Corentin Dagny Damir Davide Delphine Dewi Dilnoza Ebba Ekaterina Elif Emeka
    Esteban Fatou Feodora Fernão Finn Gaël Ghalia Giedrė Hana Haruki Hedvig Ilse Imani Inés Ioana
    Itziar Ivo Jadwiga Jarek Jiří Juno Kaia Kamau Katarína Keziah Kofi Laleh Leocadia Liv Łucja
    Mahina Malik Maren Mateus Mélisande Mihai Mirembe Nadim Naoko Nevena Niamh Nils Noor Oddny
    Okalani Ondřej Otylia Paloma Pax Priya Quim Radka Rafiq Réka Rosalba Ruben Saoirse Selma
    Şirin Søren Tadeo Tamsin Thandiwe Tiago Ulla Umut Valeska Vesna Wanjiru Wiebke Xanthe Yara
    Yusuf Zainab Zoë
"""
LAST_NAMES = """
    Abebe Achterberg Adeyemi Aguirre Alanís Almeida Amsel Arslan Asante Ávila Balogun Barańska
    Batbayar Beaumarchais Bekele Bergström Bielik Bondarenko Brânză Byrne Cabral Calloway Çelik
    Chukwu Cisneros Dąbrowski Deschamps Diallo Dlamini Dragomir Eastwick Echeverría Eide Ekström
    Endo Fairweather Farrokhzad Fjeld Folau Fournel Galinsky Gebhardt Gunnarsson Gyllen Habib
    Hakimi Halloran Haraldsen Horák Ibarra Iversen Jakobsen Jovanović Kahananui Kallio Kamara
    Karimov Kęstutis Kiplagat Koivisto Kowalczuk Krüger Kurosawa Laurent Lindqvist Lovelock
    Madaki Maguire Makonnen Marlowe Mbeki Medeiros Mendizábal Mikkola Moana Moreau Mukherjee
    Nakamura Nandakumar Ndiaye Ní-Bhriain Nowicka Obuya Ødegård Okafor Olofsson Oyelaran Özdemir
    Paavola Papadakis Pengelly Petrov Pohlmann Quayle Quispe Rautio Ravndal Rezaei Ribeiro Rowan
    Sandoval Sato Schäfer Sigurdsson Sokolova Strand Szabó Tahir Tanaka Teixeira Thorvald Tjong
    Tremblay Uchida Ülker Vasquez Verbeke Villanueva Virtanen Wambui Weiss Wolde Yamada Yıldız
    Zamora Zając Zhang
"""
# Names that need quotes in a CSV file, or have no Latin letter, some eight in a thousand.
OTHER_NAMES = (
    'Beatriz "Bea" Lunardi',
    'Kwabena "KB" Ofori',
    "Holloway, Jr., Tobias",
    "de la Peña, María José",
    "Ewa Anna Zielonka, PhD",
    "Siobhán O'Ferrall",
    "Лариса Гончар",
    "小田切 遥",
)
NAMES_PER_OTHER_NAME = 1_000

FIRST_DAY, LAST_DAY = date(2021, 1, 1), date(2022, 2, 15)
# Month → weight of each of its days; the last two bring 2021 to 82 % of the hires.
MONTHS_2021 = (3, 3, 4, 5, 5, 4, 4, 5, 4, 6, 5, 3)
MONTHS_2022 = (8, 6)


@dataclass(frozen=True)
class Summary:
    """What the rules have to say of the hires that were written."""

    received: int
    already_present: int
    # (rule, column) → rows; each bad row has one violation
    violations: Mapping[tuple[str, str], int]

    @property
    def rejected(self) -> int:
        return sum(self.violations.values())

    @property
    def accepted(self) -> int:
        return self.received - self.rejected - self.already_present

    def as_markdown(self) -> str:
        """The counts as a table."""
        counts = {
            "received": self.received,
            "accepted": self.accepted,
            "already present": self.already_present,
            "rejected": self.rejected,
        }
        for (rule, column), rows in sorted(self.violations.items()):
            counts[f"rejected: `{rule}` of `{column}`"] = rows
        lines = ["| `raw_hired_employees.csv` | rows |", "|---|--:|"]
        lines += [f"| {what} | {rows:,} |" for what, rows in counts.items()]
        return "\n".join(lines) + "\n"


def write_seeds(folder: Path | str, hires: int = 2_000, seed: int = DEFAULT_SEED) -> Summary:
    """Write the three files into `folder`, which is made when it is missing.

    The same arguments give the same bytes, on every version of Python. Raises ValueError for fewer
    than 100 hires, which leave no room for the dirt.
    """
    if hires < FEWEST_HIRES:
        raise ValueError(f"at least {FEWEST_HIRES} hires, not {hires}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "raw_departments.csv", "id,department", _numbered(DEPARTMENTS))
    _write(folder / "raw_jobs.csv", "id,job", _numbered(_jobs()))
    staff = _Hires(hires, seed)
    _write(
        folder / "raw_hired_employees.csv", "id,name,datetime,department_id,job_id", staff.blocks()
    )
    return Summary(hires, already_present=1, violations=dict(staff.violations))


class _Hires:
    """The rows of hired_employees.csv, and a count of what is wrong with them.

    Of the random generator only `random()` is used: Python promises its sequence for all versions
    to come, and no other method's.
    """

    def __init__(self, hires: int, seed: int) -> None:
        self.violations: Counter[tuple[str, str]] = Counter()
        self._hires = hires
        self._random = Random(seed).random
        self._names = _names()
        self._days = _days()
        self._times = [_time(second) for second in range(86_400)]
        self._departments = _weighted_ids(DEPARTMENTS)
        self._jobs = _weighted_ids(_jobs())
        self._posts = [f"{d},{j}" for d in self._departments for j in self._jobs]

    def blocks(self) -> Iterator[str]:
        """The file from its second line, in pieces of BLOCK rows."""
        for start in range(0, self._hires, BLOCK):
            ids = range(start + 1, min(start + BLOCK, self._hires) + 1)
            rows = self._rows(ids)
            kept = self._add_oddities(rows) if start == 0 else set()
            self._add_gaps(rows, ids, kept)
            yield "".join(rows)

    def _rows(self, ids: range) -> list[str]:
        """Rows with nothing wrong: all but a few, so this loop is the one that has to be fast."""
        random = self._random
        names, days, times, posts = self._names, self._days, self._times, self._posts
        n, d, t, p = len(names), len(days), len(times), len(posts)
        return [
            f"{i},{names[int(random() * n)]},{days[int(random() * d)]}T{times[int(random() * t)]}"
            f",{posts[int(random() * p)]}\n"
            for i in ids
        ]

    def _row(self, row_id: int | str, **fields: str) -> str:
        """One row that is as given where it is given, and as any other elsewhere."""
        values = {
            "name": self._pick(self._names),
            "datetime": f"{self._pick(self._days)}T{self._pick(self._times)}",
            "department_id": self._pick(self._departments),
            "job_id": self._pick(self._jobs),
        }
        return f"{row_id},{','.join((values | fields).values())}\n"

    def _pick(self, values: Sequence[T]) -> T:
        return values[int(self._random() * len(values))]

    def _add_oddities(self, rows: list[str]) -> set[int]:
        """Put in what the file has once; answer the ids that gaps must leave alone."""
        shares = (6, 9, 12, 24, 36, 48, 60, 75, 88, 94)
        at = {percent: len(rows) * percent // 100 for percent in shares}
        self._put(rows, at[12], "not_blank", name='"   "')
        self._put(rows, at[24], "relationships", department_id="99")
        self._put(rows, at[36], "utc_datetime", datetime="2021-06-14T09:30:00")
        self._put(rows, at[48], "type", datetime="2021-02-30T08:15:00Z")
        self._put(rows, at[60], "type", job_id="12.5")
        rows[at[75] - 1] = self._row(f"{at[75]}.0")
        rows[at[88] - 1] = rows[at[6] - 1]
        rows[at[94] - 1] = self._row(at[9], name="Oriol Quiroga-Vance")
        self.violations["unique", "id"] += 1
        return set(at.values())

    def _add_gaps(self, rows: list[str], ids: range, kept: set[int]) -> None:
        """Take one value out of some rows, at random, and out of no row twice."""
        used = set(kept)
        for column, gaps in GAPS.items():
            for _ in range(gaps * len(rows) // BLOCK):
                place = self._pick(ids)
                while place in used:
                    place = self._pick(ids)
                used.add(place)
                rows[place - ids.start] = self._row(place, **{column: ""})
                self.violations["not_null", column] += 1

    def _put(self, rows: list[str], row_id: int, rule: str, **field: str) -> None:
        rows[row_id - 1] = self._row(row_id, **field)
        self.violations[rule, next(iter(field))] += 1


def _jobs() -> dict[str, int]:
    """Job → weight."""
    trades = [trade.strip() for line in TRADES.strip().splitlines() for trade in line.split("|")]
    jobs = {step.format(trade): weight for trade in trades for step, weight in STEPS.items()}
    return jobs | dict.fromkeys(CHAIRS, 1)


def _names() -> list[str]:
    names = [f"{first} {last}" for first in FIRST_NAMES.split() for last in LAST_NAMES.split()]
    others = [_quoted(name) for name in OTHER_NAMES]
    return names + others * (len(names) // NAMES_PER_OTHER_NAME)


def _days() -> list[str]:
    """Each day of the period, as often as its month weighs."""
    weights = {2021: MONTHS_2021, 2022: MONTHS_2022}
    days = [FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    return _weighted((day.isoformat(), weights[day.year][day.month - 1]) for day in days)


def _weighted_ids(weights: Mapping[str, int]) -> list[str]:
    return _weighted((str(i), weight) for i, weight in enumerate(weights.values(), start=1))


def _time(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


def _weighted(pairs: Iterable[tuple[T, int]]) -> list[T]:
    return [value for value, weight in pairs for _ in range(weight)]


def _numbered(values: Iterable[str]) -> Iterator[str]:
    return (f"{number},{_quoted(value)}\n" for number, value in enumerate(values, start=1))


def _quoted(value: str) -> str:
    if not any(mark in value for mark in ',"\n'):
        return value
    return '"' + value.replace('"', '""') + '"'


def _write(path: Path, header: str, pieces: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header + "\n")
        file.writelines(pieces)


def main() -> None:
    """Write the seeds; in their own folder, write down there what they hold, too."""
    parser = argparse.ArgumentParser(description="Make Gatehouse's seeds.")
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    parser.add_argument("--hires", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    arguments = parser.parse_args()
    counts = write_seeds(arguments.folder, arguments.hires, arguments.seed).as_markdown()
    if arguments.folder.resolve() == HERE:
        text = (
            f"# Seeds\n\n{__doc__}\n## What the rules say\n\nCounted by the generator.\n\n{counts}"
        )
        (HERE / "README.md").write_text(text, encoding="utf-8", newline="\n")
    print(counts, end="")


if __name__ == "__main__":
    main()
