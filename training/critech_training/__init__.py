"""Training for critech: corpus, encoder, heads, calibration, evaluation. torch lives only here."""
