"""`gatehouse build`: builds the warehouse."""

import click

from service.cli import output
from service.cli.builds import build_and_tell
from service.cli.invocation import Run, command


@click.command()
@command
def build(run: Run) -> None:
    """Build the warehouse: judge the history, load it, test it all.

    Where a service runs, it builds, and goes on serving meanwhile.
    """
    result = build_and_tell(run)
    if run.as_json:
        output.print_json(result)
