"""`gatehouse build`: builds the warehouse."""

import click

from service.cli import output
from service.cli.builds import build_and_tell, build_on_spark_and_tell
from service.cli.invocation import Run, command


@click.command()
@click.option(
    "--target",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    help="The engine: the warehouse here, or Spark on the lake.",
)
@command
def build(run: Run, target: str) -> None:
    """Build the warehouse: judge the history, load it, test it all.

    Where a service runs, it builds, and goes on serving meanwhile. On Spark the same dbt project is
    built from the history and the changes that the gate has shipped to the lake; the warehouse is
    not touched.
    """
    result = build_on_spark_and_tell(run) if target == "spark" else build_and_tell(run)
    if run.as_json:
        output.print_json(result)
