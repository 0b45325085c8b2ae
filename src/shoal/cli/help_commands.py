"""`shoal help`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shoal.cli.terminal import echo

app = typer.Typer()


def _complete_command(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    group: Any = context.find_root().command
    found = []
    for name in group.list_commands(context):
        if name.startswith(incomplete):
            found.append((name, group.get_command(context, name).get_short_help_str()))
    return found


@app.command("help")
def show_help(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="A command, such as run; default: all of them",
            autocompletion=_complete_command,
        ),
    ] = None,
) -> None:
    """Say what a command does, and list its options."""
    shown: Any = context.find_root()
    for name in command or ():
        group = shown.command
        if not hasattr(group, "resolve_command"):
            break
        # An unknown name is a usage error, which suggests similar ones.
        _, found, _ = group.resolve_command(shown, [name])
        shown = found.make_context(name, [], parent=shown, resilient_parsing=True)

    # As `--help` does: it prints the help, or returns it where Rich is not used.
    echo(shown.command.get_help(shown))
