"""Which smaller dataset follows from the scores."""
