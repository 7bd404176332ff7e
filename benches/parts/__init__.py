"""The parts of the benchmark; each has `run(bench)` and can be chosen by its name."""
