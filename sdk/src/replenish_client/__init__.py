"""The Python client of Replenish."""
