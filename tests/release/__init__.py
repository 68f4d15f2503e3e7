"""What must hold before a release: every crash, fault and soak check, run and told in one table.

``python -m tests.release`` is the long form, ``--short`` the one for CI. Each check is a command that anybody can run
by itself; its exit code is the verdict, its last line of output the numbers.
"""
