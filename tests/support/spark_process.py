"""A process with one Spark in it, for all that a run of the tests asks of Spark.

Each line on its stdin is a request in JSON, each on its stdout the answer: `build` takes settings,
`dbt` the words behind dbt's name, `sql` a query, whose rows are answered as text.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from service.dbt.runner import BUILD
from service.runtime.settings import load_settings
from service.spark.building import build_on_spark


def answer(asked: dict[str, Any]) -> Any:
    """What is answered to a request."""
    if "build" in asked:
        build = build_on_spark(
            load_settings(asked["build"]),
            lambda node: print(node, file=sys.stderr, flush=True),
            what=(*BUILD, *asked["select"]),
            allowed=asked["allowed"],
        )
        return {
            "status": build.status,
            "message": build.message,
            "nodes": {node.name: node.status for node in build.nodes},
        }
    if "dbt" in asked:
        return _by_dbt(asked["dbt"])
    from pyspark.sql import SparkSession

    rows = SparkSession.builder.getOrCreate().sql(asked["sql"]).collect()
    return [[None if value is None else str(value) for value in row] for row in rows]


def _by_dbt(words: Sequence[str]) -> Any:
    """What dbt says by itself, as a terminal has it; its environment is that of the last build."""
    from dbt.cli.main import dbtRunner

    said = dbtRunner().invoke([*words])
    results: Any = said.result or ()
    nodes = {each.node.name: (str(each.status), each.message) for each in results}
    return {"success": said.success, "exception": str(said.exception or ""), "nodes": nodes}


def main() -> None:
    """Answers until there is nothing more to read; what others print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
