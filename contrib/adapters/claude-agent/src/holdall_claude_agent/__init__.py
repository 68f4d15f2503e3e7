"""Transcripts of the Claude Agent SDK, kept in Holdall.

options = ClaudeAgentOptions(session_store=HoldallSessionStore(store, owner="ana"))
"""

from __future__ import annotations

from holdall_claude_agent.store import HoldallSessionStore

__all__ = ["HoldallSessionStore"]
