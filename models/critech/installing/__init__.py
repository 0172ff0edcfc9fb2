"""Bundles directories: a bundle is taken in, tried, and made the current one."""
