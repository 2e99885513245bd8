"""Pivotal tokens, what decides there, and what strengthening it did."""
