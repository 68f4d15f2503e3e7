"""Sessions come and go for a long time: what a store takes must stay what it is. ``python -m tests.system.churn``."""
