"""Subcommands of ``critech`` that need the training extra."""
