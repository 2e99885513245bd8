"""Parts that several pages show: choices of runs and rows, a sample, a pattern."""
