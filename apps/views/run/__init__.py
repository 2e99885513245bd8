"""Forms that start a stage, and what is running."""
