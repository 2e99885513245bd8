"""The circuit against random heads."""
