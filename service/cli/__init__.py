"""The `gatehouse` command: one module of `commands/` for each subcommand.

Its modules import heavy libraries only when a command runs, so that `--help` is quick.
"""

import click

from service import __version__
from service.cli.commands import (
    audit,
    backup,
    backups,
    build,
    builds,
    completion,
    dbt,
    dictionary,
    erase,
    hooks,
    insert,
    keys,
    lake,
    load,
    loads,
    recover,
    rejections,
    reports,
    restore,
    rows,
    serve,
    tables,
    tasks,
    trail,
    verify,
    warnings,
)

EPILOG = """\b
Exit codes:
  0  all is well
  1  something was refused, rejected, or failed
  2  the command line or a setting is wrong
  3  the service or the warehouse cannot be reached: not built, locked, taken

Every setting can be given as GATEHOUSE_<NAME> or in gatehouse.toml; see docs/settings.md.
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gatehouse")
def main() -> None:
    """One rulebook, every door: build, serve and look after the warehouse.

    Where a service runs for this warehouse, commands ask it; where none runs, they do the same
    by themselves.
    """


for each in (
    serve.serve,
    build.build,
    dbt.dbt,
    tables.tables,
    dictionary.dictionary,
    insert.insert,
    load.load,
    rejections.rejections,
    warnings.warnings,
    rows.rows,
    erase.erase,
    loads.loads,
    builds.builds,
    reports.reports,
    audit.audit,
    trail.trail,
    keys.keys,
    hooks.hooks,
    backup.backup,
    backups.backups,
    tasks.tasks,
    verify.verify,
    restore.restore,
    lake.lake,
    recover.recover,
    completion.completion,
):
    main.add_command(each)
