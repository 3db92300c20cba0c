"""`ptm-node doctor`: looks at everything that a run needs, and changes nothing.

It works beside a running daemon: it takes no lock, says no hello, and its one
container belongs to a name of its own.
"""
