"""The node of PyTaskManager: runs algorithms beside a site's own data."""

__version__ = "0.1.0"
