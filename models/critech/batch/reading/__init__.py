"""Records of document dumps, in a fixed order, one at a time."""

from critech.batch.reading.formats import Format
from critech.batch.reading.limits import Limits
from critech.batch.reading.mapping import FieldMapping
from critech.batch.reading.plan import Plan, PlannedSource
from critech.batch.reading.reader import plan, read

__all__ = ["FieldMapping", "Format", "Limits", "Plan", "PlannedSource", "plan", "read"]
