"""A version of a model, from files in the store to something that predicts: trusted, tried, loaded, compiled."""
