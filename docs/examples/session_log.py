"""A line in the log for each thing that happens to a session."""

import logging

from holdall import Event, hookimpl

log = logging.getLogger("sessions")


@hookimpl
def holdall_observe(event: Event) -> None:
    log.info("%s %s of %s, version %d", event.session, event.kind, event.owner, event.version)
