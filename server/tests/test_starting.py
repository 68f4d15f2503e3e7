"""What is imported before the workers are forked."""

import subprocess
import sys

WARM = """
import sys
import holdall_server.warm, holdall.sessions
missing = [room for room in holdall.sessions.__all__ if f"holdall.sessions.{room}" not in sys.modules]
print(*missing)
"""


def test_no_request_is_the_first_to_import_what_it_needs():
    """Else it would fail in a process that has no descriptor left, and be slower than the next."""
    ran = subprocess.run([sys.executable, "-c", WARM], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
