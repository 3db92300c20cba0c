"""The one kind of failure that the rig reports."""


class RigError(Exception):
    """A service could not be had. The first line is one sentence for a user."""
