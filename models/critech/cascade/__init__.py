"""Tiers: words and a student decide what they surely can, the full model all the rest."""
