"""What a client sees: ``python -m tests.system.damaged.reading CONFIG``; prints JSON.

From its input it reads the ids of the sessions that must be whole, as JSON. The first answer and the first page of a
list are timed by the clock of the process that started it (seconds since 1970).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time

import holdall
from holdall.errors import HoldallError
from tests.system.damaged.building import MESSAGES, text

_AT_ONCE = 50


async def main(config: str) -> None:
    whole: dict[str, str] = json.loads(sys.stdin.read())
    numbers = {session: int(number) for number, session in whole.items()}
    wrong: list[str] = []
    async with holdall.open(config) as store:

        async def look(session: str) -> None:
            try:
                said = [message.text for message in await store.history(session)]
            except HoldallError as error:
                said = [str(error)]
            if said != [text(numbers[session], m) for m in range(MESSAGES)]:
                wrong.append(f"session/{session} is whole, but reads {said}")

        ids = list(numbers)
        await look(ids[0])
        answered = time.time()
        listed = await store.list(owner="ana", limit=50)
        shown = time.time()
        if len(listed.items) != min(50, len(ids)):
            wrong.append(f"a page of the list has {len(listed.items)} sessions")
        for first in range(0, len(ids), _AT_ONCE):
            await asyncio.gather(*map(look, ids[first : first + _AT_ONCE]))
    print(json.dumps({"answered": answered, "listed": shown, "wrong": wrong}))


if __name__ == "__main__":
    logging.disable()
    asyncio.run(main(sys.argv[1]))
