"""The product's settings, with one address more: see urls.py."""

from ptm_site.settings import *  # noqa: F403 (these and no others)

ROOT_URLCONF = "benchmarks.urls"
