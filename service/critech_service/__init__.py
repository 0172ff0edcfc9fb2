"""The HTTP edge of critech: validate, call the classifier, wrap."""
