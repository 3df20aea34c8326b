"""A table played through drift jobs, retrainings, gate and promotion in fast time, beside the version that stays."""
