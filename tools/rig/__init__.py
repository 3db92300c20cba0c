"""Real services for the demo, the tests and the benchmarks.

Each is a context manager: what a block started has ended when the block ends.
"""
