"""Retraining: from an open request to a challenger, on fresh labelled rows."""
