"""A table with a column of every type, and values at their borders."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.contract import Contract
from tests.support.projects import Project
from tests.support.services import serving

# One column of every type, and those that are not required may be missing.
ODD_COLUMNS = """
- name: code
  data_type: varchar
  description: What it is called by.
  constraints: [{type: primary_key}]
  data_tests: [not_null, unique]
- {name: size, data_type: bigint, description: How large it is.}
- {name: weight, data_type: double, description: How heavy it is.}
- {name: broken, data_type: boolean, description: Whether it is broken.}
- {name: found_on, data_type: date, description: The day it was found.}
- {name: seen_at, data_type: timestamp, description: When it was last seen.}
"""
ODD_HISTORY = '''code,size,weight,broken,found_on,seen_at
"comma, ""quote""",9223372036854775807,0.1,true,0001-01-01,2021-11-07T02:48:42Z
"two
lines",-9223372036854775808,-1e-7,false,9999-12-31,2021-11-07T02:48:42.5Z
nothing,,,,,
Ünïcode ☃ 𝄞,0,12.5,true,2024-02-29,2021-11-07 02:48:42.000001+02:00
a/b?c=d#e%20&f,1,1,false,2021-01-01,0001-01-01T00:00:00Z
'''


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a service with another table: odd_things, whose key is text. Only to be read."""
    project = Project(tmp_path_factory.mktemp("odd"))
    project.model("odd_things", ODD_COLUMNS, about="thing that is odd")
    project.write("odd_things", ODD_HISTORY)
    for table in ("departments", "jobs"):
        project.write(table, f"id,{table[:-1]}\n1,First\n")
    project.write("hired_employees", "id,name,datetime,department_id,job_id\n")
    project.build()
    with serving(project.settings) as client:
        contract = Contract(client.get("/schema").json())
        client.event_hooks["response"].append(contract.check)
        yield client
