"""Two tiers: words alone decide what they surely can, the full model all the rest."""
