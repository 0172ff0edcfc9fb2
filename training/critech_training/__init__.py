"""Training for critech: corpus, encoder, heads, calibration, evaluation. torch lives only here."""

import critech as critech  # switches off the telemetry of onnxruntime before it is loaded
