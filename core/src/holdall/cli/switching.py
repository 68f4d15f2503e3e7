"""Make a branch the current one: what is read and added to where nobody names a branch."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from holdall.cli.conversing import add_session, on_store
from holdall.cli.exits import OK
from holdall.cli.tables import cell

if TYPE_CHECKING:
    from holdall.sessions.session import Session

__all__ = ["configure", "run", "told"]


def configure(parser: argparse.ArgumentParser) -> None:
    """To which."""
    add_session(parser)
    parser.add_argument("branch", metavar="BRANCH", help="its name; `holdall branches` lists them")


def run(args: argparse.Namespace) -> int:
    """Switch, and print what the session shows now."""
    return told(on_store(args, lambda store: store.switch(args.id, args.branch)), as_json=args.json)


def told(session: Session, *, as_json: bool) -> int:
    """Print what a session shows."""
    until = "" if session.reverted_to is None else f", until {session.reverted_to}"
    print(json.dumps(session.as_dict()) if as_json else cell(f"shows {session.current_branch}{until}"))
    return OK
