"""Two tiers: a small student decides what is certain, the full model all the rest."""
