"""Faults staged with real processes, and a check that nothing was lost or doubled.

Run as `python -m tools.drills`; docs/drills.md says what is promised.
"""
