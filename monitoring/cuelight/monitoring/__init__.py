"""Windows, drift, quality, rules and the schedule."""
