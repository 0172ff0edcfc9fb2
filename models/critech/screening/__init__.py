"""Screening: rule, text and conditions put together for one filing."""
