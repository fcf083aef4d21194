"""`gatehouse build`: builds the warehouse."""

import click

from service.cli import output
from service.cli.builds import build_and_tell, build_on_spark_and_tell
from service.cli.invocation import Run, command
from service.cli.planned import plan_and_tell


@click.command()
@click.option(
    "--target",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    help="The engine: the warehouse here, or Spark on the lake.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Only say what would change.")
@click.option(
    "--allow",
    multiple=True,
    metavar="WHAT",
    help="What may be lost: drop:TABLE or drop:TABLE.COLUMN; may be repeated.",
)
@command
def build(run: Run, target: str, only_plan: bool, allow: tuple[str, ...]) -> None:
    """Build the warehouse: judge the history, load it, test it all.

    Where the dictionary has changed, tables get their new form; their rows stay. What would lose
    values is refused, and named. With --plan nothing is done but to say what would be: of rows,
    rejections, backups and clients.

    Where a service runs, it builds, and goes on serving meanwhile. On Spark the same dbt project is
    built from the history and the changes that the gate has shipped to the lake; the warehouse is
    not touched.
    """
    if target == "spark" and only_plan:
        raise click.UsageError("--plan is for the warehouse here")
    if only_plan:
        plan_and_tell(run, allow)
        return
    build_and_say = build_on_spark_and_tell if target == "spark" else build_and_tell
    result = build_and_say(run, allow)
    if run.as_json:
        output.print_json(result)
