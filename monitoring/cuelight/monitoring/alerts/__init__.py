"""Alerts: what of the history people must be told of, and how it gets to them."""
