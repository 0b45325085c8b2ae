"""How `shoal --help` orders the commands, and what help shows of them."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

# The groups of `shoal --help`, in its order, with their commands.
GROUPS = {
    "Search": ("check", "check-problem", "run", "pause", "resume", "stop"),
    "Look": ("runs", "show", "compare", "splits", "replay", "animate", "code"),
    "Model": ("inputs", "export", "predict", "play"),
    "Serve": ("serve", "access"),
    "Runs": ("rename", "tag", "note", "archive", "delete"),
    "Store": ("backup", "restore"),
    "Installation": ("doctor", "bench", "help"),
}
_GROUP_OF = {command: group for group, commands in GROUPS.items() for command in commands}
_ORDER = list(_GROUP_OF)


class PlainFlags(TyperGroup):
    """A group of commands whose help shows no type of an option that takes no value."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command; None where there is none of that name."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _hide_types([*command.params, command.get_help_option(ctx)])
        return command

    def get_params(self, ctx: Any) -> list[Any]:
        """The options of the group itself."""
        parameters = super().get_params(ctx)
        _hide_types(parameters)
        return parameters


class GroupedCommands(PlainFlags):
    """The commands of `shoal`, in groups. Commands without a group stand last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, group by group."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command, with its group; None where there is none of that name."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            command.rich_help_panel = _GROUP_OF.get(cmd_name)
        return command


def _hide_types(parameters: list[Any]) -> None:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
