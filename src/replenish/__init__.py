"""Replenish: prepaid credits that a company runs itself."""
