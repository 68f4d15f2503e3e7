"""Sessions of the OpenAI Agents SDK, kept in Holdall.

session = HoldallSession("thread-42", store, owner="ana")
result = await Runner.run(agent, "hello", session=session)
"""

from __future__ import annotations

from holdall_openai_agents.session import HoldallSession

__all__ = ["HoldallSession"]
