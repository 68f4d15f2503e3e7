"""What the server logs: one line of JSON an event, in which nothing that a client sent can look like anything else."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

__all__ = ["JsonLines", "configure"]

_ACCESS = "sanic.access"


class JsonLines(logging.Formatter):
    """Formats an event as JSON in ASCII: line ends, escapes and bidirectional marks are escaped (SEC-INP-07)."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with the trace of an exception as one of its fields."""
        event: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.name == _ACCESS:
            del event["message"]  # Sanic leaves it empty
            told = vars(record)
            event |= {name: told.get(name) for name in ("request", "status", "byte", "host", "duration")}
            event["request"] = str(event["request"]).partition("?")[0]  # what is searched for is nobody's to log
        if record.exc_info:
            event["trace"] = self.formatException(record.exc_info)
        return json.dumps(event)


def configure() -> None:
    """Log warnings, errors and answers to standard error, unless whoever runs this process has set up logging already.

    Answers are told by Sanic, with ``server.access_log`` only.
    """
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        root.addHandler(handler)
        logging.getLogger(_ACCESS).setLevel(logging.INFO)
