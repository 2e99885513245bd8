"""What the scores prefer, row by row."""
