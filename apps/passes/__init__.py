"""Single samples through a loaded model, one session at a time."""
