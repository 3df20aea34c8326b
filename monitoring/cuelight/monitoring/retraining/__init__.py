"""When a retraining is asked for: the wishes, whether they may be granted, and the request."""
