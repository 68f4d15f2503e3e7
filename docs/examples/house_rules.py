"""Sessions of payroll need a ticket, and are marked as reviewed."""

from holdall import Draft, Refused, hookimpl


@hookimpl
def holdall_creating(draft: Draft) -> None:
    if draft.project == "payroll" and "ticket" not in draft.metadata:
        raise Refused("sessions of payroll need a ticket")
    draft.tags.append("reviewed")
