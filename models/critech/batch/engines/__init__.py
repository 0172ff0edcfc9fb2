"""Runs on many machines: Ray (extra ``ray``) and Spark (extra ``spark``), by the one pure function
that a run on one machine applies, so that rows are the same to the bit."""
