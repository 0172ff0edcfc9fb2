"""Routes: validate, call, wrap."""
