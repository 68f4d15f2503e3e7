"""Sessions of Google's Agent Development Kit, kept in Holdall.

runner = Runner(app_name="site", agent=agent, session_service=HoldallSessionService(store, owner="site"))
"""

from __future__ import annotations

from holdall_google_adk.service import HoldallSessionService

__all__ = ["HoldallSessionService"]
