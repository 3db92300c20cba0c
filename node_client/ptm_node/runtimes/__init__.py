"""Where containers run. One contract of six verbs, see `base`."""
