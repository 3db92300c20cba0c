"""Counts, means and variances of one site's table, as sums that combine exactly."""
