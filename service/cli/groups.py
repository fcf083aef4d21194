"""Groups of commands whose first argument may also be something else than a command."""

import click


class ListByDefault(click.Group):
    """Lists, where no other command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts the command in front that is meant."""
        is_named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else ["list", *args])
