"""Tables whose rows a gate alone judges: it gives ids, merges, and they refer to themselves."""

import httpx

from tests.support.projects import Project
from tests.support.uploads import followed, send

STAFF = """
- name: id
  data_type: bigint
  description: Given.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: name
  data_type: varchar
  description: Name.
  data_tests: [not_null]
- name: manager
  data_type: bigint
  description: Whom they report to.
  data_tests: [{relationships: {arguments: {to: ref('staff'), field: id}}}]
"""
STOCK = """
- name: code
  data_type: varchar
  description: Code.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- name: level
  data_type: integer
  description: How many there are.
  data_tests: [not_null]
- name: part_of
  data_type: varchar
  description: What it is a part of.
  data_tests: [{relationships: {arguments: {to: ref('stock'), field: code}}}]
"""


def add_to(project: Project) -> None:
    """Adds both, without a history."""
    project.model("staff", STAFF, key="generated")
    project.model("stock", STOCK, on_conflict="merge")


def live(client: httpx.Client) -> None:
    """Rows that come, by requests and files, are merged, changed, rejected, replayed, and go."""
    staff, stock = "/v1/tables/staff/rows", "/v1/tables/stock/rows"
    sent = [{"name": "Ada"}, {"name": "Grace", "manager": 1}, {"name": "Lost", "manager": 99}]
    _done(client.post(staff, json=sent), 207)
    (lost,) = client.get("/v1/rejections?table=staff").json()["rejections"]
    corrected = {"rejection_id": lost["rejection_id"], "row": {"name": "Found", "manager": 2}}
    _done(client.post("/v1/rejections/replay", json=[corrected]), 200)
    _done(client.post(staff, json=[{"name": "Gone"}, {"name": "Linus", "manager": 4}]), 201)
    _done(client.patch(f"{staff}/1", json={"manager": 2}), 200)  # a circle
    _done(client.delete(f"{staff}/5"), 200)
    _done(client.post(staff, json=[{"name": "Last"}, {"manager": 1}]), 207)
    load = followed(client, send(client, "stock", "code,level,part_of\nA,1,B\nB,2,\nA,5,\nC,1,Z\n"))
    assert (load["accepted"], load["changed"], load["rejected"]) == (2, 1, 1)
    merged = [{"code": "B", "level": 7, "part_of": "A"}, {"code": "D", "level": 0, "part_of": "D"}]
    prefer = {"Prefer": "resolution=merge-duplicates"}
    _done(client.post(stock, json=merged, headers=prefer), 201)
    _done(client.delete(f"{stock}/D"), 200)


def _done(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
