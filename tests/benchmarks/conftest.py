"""The benchmarks are scripts: their folder goes onto the path as it does when they run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
