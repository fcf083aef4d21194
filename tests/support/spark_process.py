"""A process with one Spark in it, for all that a run of the tests asks of Spark.

Each line on its stdin is a request in JSON, each on its stdout the answer: `build` takes settings,
`sql` a query, whose rows are answered as text.
"""

import json
import os
import sys
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
    from pyspark.sql import SparkSession

    rows = SparkSession.builder.getOrCreate().sql(asked["sql"]).collect()
    return [[None if value is None else str(value) for value in row] for row in rows]


def main() -> None:
    """Answers until there is nothing more to read; what others print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
