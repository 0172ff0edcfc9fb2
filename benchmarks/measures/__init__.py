"""The measures of ``load.py``, one a file: each starts a server, loads it and returns a section."""
