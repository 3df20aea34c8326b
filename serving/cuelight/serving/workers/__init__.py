"""gunicorn's workers: connections, and scoring on their loop."""
