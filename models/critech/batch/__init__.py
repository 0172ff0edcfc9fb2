"""Document dumps: many files in, one result per document out, resumable at any point."""
