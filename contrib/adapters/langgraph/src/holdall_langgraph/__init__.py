"""LangGraph's checkpoints and long-term memory, kept in Holdall.

graph = builder.compile(checkpointer=HoldallSaver(store, owner="ana"), store=HoldallStore(store, owner="ana"))
"""

from __future__ import annotations

from holdall_langgraph.bridge import opened
from holdall_langgraph.saver import HoldallSaver
from holdall_langgraph.store import HoldallStore

__all__ = ["HoldallSaver", "HoldallStore", "opened"]
