"""Strict command lines: nothing is guessed, and what is misspelt is answered with the nearest right word."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from holdall.cli.exits import USAGE
from holdall.spelling import nearest, one_of

__all__ = ["Parser", "add_globals", "add_plugins", "positive"]


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` that accepts no abbreviations and explains itself in one line."""

    advice = ""
    """What an unknown flag is answered with, where the nearest right one would not help."""

    rest = ""
    """Where the words behind ``--`` go, for a command that hands them on."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """The arguments; an unknown one ends the program."""
        words, behind = list(argv), list[str]()
        if self.rest and "--" in words:
            at = words.index("--")
            words, behind = words[:at], words[at + 1 :]
        args, unknown = self.parse_known_args(words)
        if self.rest:
            setattr(args, self.rest, behind)
        if unknown:
            word = next((word for word in unknown if word.startswith("-")), unknown[0])
            hint = nearest(word.split("=", 1)[0], self.flags()) if word.startswith("-") else ""
            self.error(f"unknown argument {word!r}{self.advice or hint}")
        return args

    def flags(self) -> list[str]:
        """Every flag that this command knows."""
        return [flag for action in self._actions for flag in action.option_strings]

    def named(self, pointer: str) -> str:
        """What a person knows a JSON Pointer by: the option of that name, or the field, its steps joined by dots."""
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        name, flag = steps[0], f"--{steps[0].replace('_', '-')}"
        if flag in self.flags():
            name = flag
        else:  # as ``q`` of a search, which is its QUERY here
            words = [action.dest for action in self._actions if not action.option_strings]
            name = next((word for word in words if word.startswith(name)), name)
        return ".".join([name, *steps[1:]])

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, one_of([str(word) for word in action.choices], str(value)))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and where to read more."""
        sys.stderr.write(f"holdall: {message.removeprefix('argument ')} (see: {self.prog} --help)\n")
        raise SystemExit(USAGE)


def add_globals(parser: argparse.ArgumentParser) -> None:
    """The options that every command understands, before and after its name."""
    keep = argparse.SUPPRESS
    parser.add_argument(
        "--config", metavar="FILE", default=keep, help="the configuration (default: $HOLDALL_CONFIG, or holdall.toml)"
    )
    parser.add_argument("--debug", action="store_true", default=keep, help="show where an error came from")


def add_plugins(parser: argparse.ArgumentParser) -> None:
    """The option of every command that uses what a configuration names."""
    about = "load this plugin, too: a single file, or the name of an installed one; may be repeated"
    parser.add_argument("--plugin", metavar="FILE", action="append", default=[], dest="plugins", help=about)


def positive(word: str) -> int:
    """A number of things, of which there must be one at least."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {word!r}")
    return int(word)
