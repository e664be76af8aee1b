"""Benchmarks: `python -m tests.benchmarks [NAME ...]`. No tests: pytest does not collect them."""
