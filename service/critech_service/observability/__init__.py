"""What operators see: metrics, log lines, traces and readiness. Numbers and names of ours only."""
