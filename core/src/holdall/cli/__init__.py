"""The ``holdall`` command. Each subcommand is a module of this package, imported when it is run."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as type checkers know it, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see ``holdall.cli.exits``."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        from holdall import __version__  # noqa: PLC0415 - nothing else is needed

        print(f"holdall {__version__}")
        return 0
    from holdall.cli.running import guarded  # noqa: PLC0415

    return guarded(lambda: _dispatch(words), debug="--debug" in words)


def _dispatch(words: list[str]) -> int:
    import importlib  # noqa: PLC0415

    from holdall.cli.commands import COMMANDS, overview  # noqa: PLC0415
    from holdall.cli.parsing import Parser, add_globals  # noqa: PLC0415
    from holdall.errors import Invalid  # noqa: PLC0415
    from holdall.spelling import nearest  # noqa: PLC0415

    top = Parser("holdall", usage="holdall [--config FILE] COMMAND …", epilog=f"commands:\n{overview()}", add_help=True)
    add_globals(top)
    top.add_argument("--version", action="store_true", help="show the version")
    at = _command_at(words)
    if at is None:
        args = top.parse(words)
        if args.version:
            return main(["--version"])
        top.error(f"which command? One of: {', '.join(COMMANDS)}")
    given, name = top.parse(words[:at]), words[at]
    if name not in COMMANDS:
        top.error(f"unknown command {name!r}{nearest(name, COMMANDS)}")
    module, about = COMMANDS[name]
    command = importlib.import_module(f"holdall.cli.{module}")
    parser = Parser(f"holdall {name}", description=command.__doc__ or about)
    add_globals(parser)
    command.configure(parser)
    args = parser.parse(words[at + 1 :])
    for option, value in vars(given).items():
        if option not in args:
            setattr(args, option, value)
    try:
        return command.run(args)
    except Invalid as error:
        if error.pointer:
            error.args = (f"{parser.named(error.pointer)}: {error.reason}",)
        raise


def _command_at(words: list[str]) -> int | None:
    """Where the command's name stands: the first word that is neither a flag nor a flag's value."""
    at = 0
    while at < len(words):
        if words[at] == "--config":
            at += 1
        elif not words[at].startswith("-"):
            return at
        at += 1
    return None
