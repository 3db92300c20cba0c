"""Removes each permission check of the product in turn, and asks the tests about it."""
