"""The servers of ``servers.py``: their environments, their models, how each is started."""
