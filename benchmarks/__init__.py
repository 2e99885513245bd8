"""How fast, against what: `python -m benchmarks` measures and writes the table in README.md."""
