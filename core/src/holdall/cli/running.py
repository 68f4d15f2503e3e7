"""How a command ends: every error as one line, Ctrl-C and a closed pipe without a trace."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from holdall.cli.exits import BROKEN_PIPE, INTERRUPTED, UNEXPECTED, USAGE, exit_code

__all__ = ["guarded", "say"]


def say(line: str) -> None:
    """One line for the person at the terminal, apart from the output."""
    sys.stderr.write(f"holdall: {line}\n")


def guarded(command: Callable[[], int], *, debug: bool) -> int:
    """Run ``command``; what it raises becomes a line on stderr and an exit code."""
    try:
        code = command()
        sys.stdout.flush()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read has gone: give the interpreter something harmless to flush at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last place that can explain it
        return _explain(error, debug=debug)
    return code


def _explain(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    code = exit_code(error)
    if code == UNEXPECTED and isinstance(error, OSError):
        code = USAGE if isinstance(error, FileNotFoundError | IsADirectoryError) else code
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}{error.strerror or error}")
        return code
    if code == UNEXPECTED:
        say(f"unexpected {type(error).__name__}: {error}" + ("" if debug else " (--debug shows where)"))
        return code
    for line in str(error).splitlines() or [type(error).__name__]:
        say(line)
    return code
