"""From tables to one word, one sentence, and whether to retrain. Pure."""
