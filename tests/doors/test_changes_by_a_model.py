"""Rows that come, change, go, come back and are erased, at random, beside a model in Python.

GATEHOUSE_MODEL_SEED repeats a run that failed, GATEHOUSE_MODEL_STEPS says how long one is. Both are
taken out of the environment: they are no settings.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

SEED = int(os.environ.pop("GATEHOUSE_MODEL_SEED", "") or int.from_bytes(os.urandom(4)))
STEPS = int(os.environ.pop("GATEHOUSE_MODEL_STEPS", "") or 60)
PARENTS, CHILDREN = "departments", "hired_employees"
NAMES = ["red", "green", "blue", "Zoë 🎉"]
MOMENT = "2021-12-10T09:00:00Z"
Key = tuple[str, int]
Row = dict[str, Any]


@dataclass
class Model:
    """What there has to be: rows, what was done to each, and what was erased."""

    rows: dict[Key, Row] = field(default_factory=dict)
    history: dict[Key, list[tuple[Row | None, Row | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    erased: dict[Key, int] = field(default_factory=dict)  # and by which erasure
    erasures: int = 0
    sets: dict[str, dict[Key, Row]] = field(default_factory=dict)

    def children(self, number: int) -> list[Key]:
        return [
            key
            for key, row in self.rows.items()
            if key[0] == CHILDREN and row["department_id"] == number
        ]

    def become(self, key: Key, row: Row | None, noted: bool = True) -> None:
        before = self.rows.get(key)
        if before == row:
            return
        if noted:
            self.history[key].append((before, row))
        if row is None:
            del self.rows[key]
        else:
            self.rows[key] = row

    def refers_to_nothing(self, rows: dict[Key, Row]) -> bool:
        parents = (row.get("department_id") for row in rows.values())
        return any(each is not None and (PARENTS, each) not in rows for each in parents)

    def erase(self, keys: Iterable[Key], backups: bool) -> None:
        self.erasures += 1
        for key in keys:
            self.rows.pop(key, None)
            self.history.pop(key, None)
            self.erased[key] = self.erasures
            for rows in self.sets.values() if backups else ():
                rows.pop(key, None)

    def went_with(self, key: Key) -> list[Key]:
        """The rows that refer to one that is erased, and were erased with it."""
        found = [each for each, by in self.erased.items() if by == self.erased[key]]
        return [each for each in found if key[0] == PARENTS and each[0] == CHILDREN]


class Play:
    """Does something at random, to the service and to the model; their answers have to agree."""

    def __init__(self, door: Any, random: Random) -> None:
        self.client, self.random, self.model = door.client, random, Model()
        self.parents, self.children = door.fresh(5), door.fresh(6)

    def step(self) -> None:
        ways = [
            *(self.insert, self.insert, self.put, self.put, self.patch, self.patch, self.remove),
            *(self.merge, self.merge, self.ignore, self.ignore, self.insert_both, self.insert_both),
            *(self.remove_fitting, self.take_backup, self.restore, self.erase, self.erase_again),
            self.allow,
        ]
        self.random.choice(ways)()

    def key(self) -> Key:
        if self.random.random() < 0.5:
            return PARENTS, self.random.choice(self.parents)
        return CHILDREN, self.random.choice(self.children)

    def row(self, key: Key) -> Row:
        name = self.random.choice(NAMES)
        if key[0] == PARENTS:
            return {"id": key[1], "department": name}
        parent = self.random.choice(self.parents)
        return {
            "id": key[1],
            "name": name,
            "datetime": MOMENT,
            "department_id": parent,
            "job_id": 1,
        }

    def fits(self, row: Row) -> bool:
        return "department" in row or (PARENTS, row["department_id"]) in self.model.rows

    def ask(self, method: str, path: str, **said: Any) -> Any:
        return self.client.request(method, f"/v1/tables/{path}", **said)

    def insert(self) -> None:
        key = self.key()
        row, taken = self.row(key), key in self.model.rows or key in self.model.erased
        goes_in = self.fits(row) and not taken
        answer = self.ask("POST", f"{key[0]}/rows", json=[row])
        assert answer.status_code == (201 if goes_in else 422), answer.text
        if goes_in:
            self.model.become(key, row, noted=False)

    def insert_both(self) -> None:
        """A row of each table in one request: the child may refer to the parent."""
        keys = (
            (PARENTS, self.random.choice(self.parents)),
            (CHILDREN, self.random.choice(self.children)),
        )
        rows = {key: self.row(key) for key in keys}
        is_strict = self.random.random() < 0.5
        before, goes_in = dict(self.model.rows), list[bool]()
        for key, row in rows.items():
            taken = key in self.model.rows or key in self.model.erased
            goes_in.append(self.fits(row) and not taken)
            if goes_in[-1]:
                self.model.become(key, row, noted=False)
        if is_strict and not all(goes_in):
            self.model.rows, goes_in = before, [False, False]
        answer = self.client.post(
            "/v1/rows",
            json={key[0]: [row] for key, row in rows.items()},
            headers={"Prefer": "handling=strict"} if is_strict else {},
        )
        status = 201 if all(goes_in) else 207 if any(goes_in) else 422
        assert answer.status_code == status, answer.text
        found = answer.json()["tables"]
        assert [found[key[0]]["accepted"] for key in keys] == [*map(int, goes_in)], answer.text

    def merge(self) -> None:
        self.send_again("merge")

    def ignore(self) -> None:
        self.send_again("ignore")

    def send_again(self, resolution: str) -> None:
        """Rows of one table, of which some keys may come twice: each follows those before it."""
        table, *_ = self.key()
        keys = [key for key in (self.key() for _ in range(8)) if key[0] == table]
        if not keys:
            return
        rows = [self.row(key) for key in keys]
        headers = {"Prefer": f"resolution={resolution}-duplicates"}
        answer = self.ask("POST", f"{table}/rows", json=rows, headers=headers).json()
        counts = dict.fromkeys(("accepted", "changed", "rejected", "already_present"), 0)
        for key, row in zip(keys, rows, strict=True):
            counts[self.comes_again(key, row, resolution)] += 1
        assert {name: answer[name] for name in counts} == counts, answer

    def comes_again(self, key: Key, row: Row, resolution: str) -> str:
        there = self.model.rows.get(key)
        if there == row:
            return "already_present"
        fits = self.fits(row) and key not in self.model.erased
        if not fits or (there and resolution == "ignore"):
            return "rejected"
        self.model.become(key, row, noted=there is not None)
        return "changed" if there else "accepted"

    def put(self) -> None:
        key = self.key()
        row, is_there = self.row(key), key in self.model.rows
        fits = self.fits(row) and key not in self.model.erased
        answer = self.ask("PUT", f"{key[0]}/rows/{key[1]}", json=row)
        assert answer.status_code == ((200 if is_there else 201) if fits else 422), answer.text
        if fits:
            self.model.become(key, row)

    def patch(self) -> None:
        key = self.key()
        row, is_there = self.row(key), key in self.model.rows
        del row["id"]
        name = self.random.choice(list(row))
        answer = self.ask("PATCH", f"{key[0]}/rows/{key[1]}", json={name: row[name]})
        becomes = {**self.model.rows.get(key, {}), name: row[name]}
        fits = is_there and self.fits(becomes)
        assert answer.status_code == (200 if fits else 422 if is_there else 404), answer.text
        if fits:
            self.model.become(key, becomes)

    def remove(self) -> None:
        key = self.key()
        refers = key[0] == PARENTS and self.model.children(key[1])
        answer = self.ask("DELETE", f"{key[0]}/rows/{key[1]}")
        status = 404 if key not in self.model.rows else 409 if refers else 200
        assert answer.status_code == status, answer.text
        if status == 200:
            self.model.become(key, None)

    def remove_fitting(self) -> None:
        table, name = self.random.choice([(PARENTS, "department"), (CHILDREN, "name")])
        wanted = self.random.choice(NAMES)
        keys = [k for k, row in self.model.rows.items() if k[0] == table and row[name] == wanted]
        ids = ",".join(map(str, self.parents + self.children))
        query = {name: f"eq.{wanted}", "id": f"in.({ids})"}
        answer = self.ask("DELETE", f"{table}/rows", params=query)
        refers = table == PARENTS and any(self.model.children(key[1]) for key in keys)
        assert answer.status_code == (409 if refers else 200), answer.text
        if not refers:
            assert answer.json()["removed"] == len(keys)
            for key in keys:
                self.model.become(key, None)

    def take_backup(self) -> None:
        set_id = self.client.post("/v1/backups").json()["set_id"]
        self.model.sets[set_id] = dict(self.model.rows)

    def restore(self) -> None:
        if not self.model.sets:
            return
        set_id = self.random.choice(list(self.model.sets))
        wanted = self.model.sets[set_id]
        erased = self.model.erased.keys() & (wanted.keys() - self.model.rows.keys())
        with_erased = self.random.random() < 0.5
        asked = {"set_id": set_id, "with_erased": with_erased}
        is_refused = (erased and not with_erased) or self.model.refers_to_nothing(wanted)
        status = 409 if is_refused else 200
        for said in ({**asked, "dry_run": True}, asked):
            answer = self.client.post("/v1/restore", json=said)
            assert answer.status_code == status, (said, answer.text)
        if status == 200:
            for key in erased:
                del self.model.erased[key]
            for key in {**self.model.rows, **wanted}:
                self.model.become(key, wanted.get(key))

    def erase(self) -> None:
        key = self.key()
        if key not in self.model.rows or self.random.random() < 0.6:
            return
        backups = self.random.random() < 0.3
        asked = {"reason": "at random", "cascade": True, "backups": backups}
        answer = self.ask("POST", f"{key[0]}/rows/{key[1]}/erase", json=asked)
        assert answer.status_code == 200, answer.text
        children = self.model.children(key[1]) if key[0] == PARENTS else []
        self.model.erase([*children, key], backups)

    def erase_again(self) -> None:
        """So that its backups go, with `cascade` those of the rows that went with it, too."""
        if not self.model.erased:
            return
        key = self.random.choice(sorted(self.model.erased))
        cascade, went_with = self.random.random() < 0.5, self.model.went_with(key)
        asked = {"reason": "at random", "cascade": cascade, "backups": True}
        answer = self.ask("POST", f"{key[0]}/rows/{key[1]}/erase", json=asked)
        assert answer.status_code == 200, answer.text
        said = {(each["table"], each["row"]) for each in answer.json()["rows"]}
        assert said == {(each[0], False) for each in [key, *(went_with if cascade else [])]}
        self.model.erase([key, *(went_with if cascade else [])], backups=True)
        for each in went_with:  # it is known by them again
            self.model.erased[each] = self.model.erasures

    def allow(self) -> None:
        if self.model.erased:
            key = self.random.choice(sorted(self.model.erased))
            answer = self.ask("DELETE", f"{key[0]}/rows/{key[1]}/erasure")
            assert answer.status_code == 204, answer.text
            del self.model.erased[key]

    def check(self) -> None:
        """Tables, histories and books are those of the model."""
        for table, ids in ((PARENTS, self.parents), (CHILDREN, self.children)):
            wanted = {"id": f"in.({','.join(map(str, ids))})"}
            found = self.ask("GET", f"{table}/rows", params=wanted).json()["rows"]
            expected = {k[1]: row for k, row in self.model.rows.items() if k[0] == table}
            assert {row["id"]: row for row in found} == expected
            for number in ids:
                answer = self.ask("GET", f"{table}/rows/{number}/history?limit=1000")
                changes = answer.json()["changes"] if answer.status_code == 200 else []
                said = [(each["before"], each["after"]) for each in reversed(changes)]
                assert said == self.model.history.get((table, number), []), (table, number)


@pytest.mark.slow
def test_tables_histories_and_books_are_those_of_the_model(door):
    print(f"GATEHOUSE_MODEL_SEED={SEED}")
    play = Play(door, Random(SEED))
    for number in range(STEPS):
        play.step()
        if number % 40 == 39:
            play.check()
    play.check()
    audit = door.client.get("/v1/audit").json()
    assert audit["ok"], [check for check in audit["checks"] if not check["ok"]]
