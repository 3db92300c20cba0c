"""One command that shows the whole main job on real data."""
