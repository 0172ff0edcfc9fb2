"""What the load benchmarks share: texts, server processes, load from outside, counters, tables."""
