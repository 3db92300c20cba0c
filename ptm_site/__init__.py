import gc

# Most of what imports make stays: looking for garbage among it at each 700 objects,
# as Python would, is a sixth of a start.
gc.set_threshold(10_000, 20, 100)
