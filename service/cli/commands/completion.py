"""`gatehouse completion`: what a shell needs to complete commands and names."""

import click
from click.shell_completion import get_completion_class

from service.cli import output
from service.cli.invocation import Run, local_command

VARIABLE = "_GATEHOUSE_COMPLETE"  # by which the shell asks, as click has it


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@local_command
def completion(run: Run, shell: str) -> None:
    """Print what makes Tab complete commands, options, tables, reports, backups, loads …

    \b
    bash  eval "$(gatehouse completion bash)"     in ~/.bashrc
    zsh   eval "$(gatehouse completion zsh)"      in ~/.zshrc
    fish  gatehouse completion fish | source      in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    main = click.get_current_context().find_root().command
    script = kind(main, {}, "gatehouse", VARIABLE).source()
    if run.as_json:
        output.print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
