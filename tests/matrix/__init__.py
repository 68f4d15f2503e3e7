"""The fault matrix: every fault against every backend, and the outcome that is asked of it."""
