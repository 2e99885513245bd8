"""What is promised of runs, inputs and pages, by the tests that try to break it."""
