"""What a command is, and how it is added to a parser."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from edgebench import arguments

if TYPE_CHECKING:
    Added = argparse._SubParsersAction[argparse.ArgumentParser]

O = TypeVar("O")  # noqa: E741


class Command(Protocol[O]):
    """What each module of `edgebench.commands` offers.

    `HELP` is a short phrase that says what the command does, and `EXAMPLES` are lines of 76
    characters at most. `options` makes a frozen dataclass of what was parsed, and `execute` only
    reads it; both may raise `EdgeBenchError`. `execute` returns the exit code.
    """

    HELP: str
    EXAMPLES: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def options(self, namespace: argparse.Namespace) -> O: ...

    def execute(self, options: O) -> int: ...


def add(added: Added, name: str, command: Command[Any]) -> None:
    """Add a command's own parser."""
    parser = added.add_parser(
        name,
        help=command.HELP,
        description=f"{command.HELP[0].upper()}{command.HELP[1:]}.",
        epilog=f"examples:\n{command.EXAMPLES}",
        formatter_class=arguments.Help,
    )
    command.add_arguments(parser)
