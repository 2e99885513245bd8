"""Which steps of a solution need the heads."""
