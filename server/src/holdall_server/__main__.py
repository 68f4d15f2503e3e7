"""``python -m holdall_server holdall.toml`` serves; the ``holdall`` command does the same, and more."""

from __future__ import annotations

import sys

from holdall import HoldallError
from holdall.settings import read_settings
from holdall_server.serving import serve


def main(arguments: list[str]) -> int:
    """The exit status: 0 stopped when told to, 1 not in good order, 2 could not start."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m holdall_server FILE\n")
        return 2
    try:
        serve(read_settings(arguments[0]))
    except HoldallError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
