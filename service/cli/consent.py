"""What cannot be undone is asked for: on a terminal by a question, else by `--yes`."""

import click

from service.cli import output
from service.cli.failures import WrongSettings

yes_option = click.option("--yes", is_flag=True, help="Do not ask; needed without a terminal.")


def require(said_yes: bool, deed: str) -> None:
    """Lets `deed` ("restore jobs") go on where it was said so, or where someone can be asked.

    Raises:
        WrongSettings: there is no terminal to ask at, and no ``--yes``.
    """
    if not said_yes and not output.can_ask():
        raise WrongSettings(
            f"there is no terminal to ask at, so `{deed}` needs --yes; nothing was changed"
        )


def confirm(question: str) -> None:
    """Asks the question; a no ends the command with exit code 1."""
    click.confirm(question, abort=True, err=True)
