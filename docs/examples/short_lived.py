"""Sessions without a project last a day at the most."""

from holdall import Draft, hookimpl

DAY = 24 * 60 * 60


@hookimpl
def holdall_creating(draft: Draft) -> None:
    if draft.project is None:
        draft.ttl = min(draft.ttl or DAY, DAY)
