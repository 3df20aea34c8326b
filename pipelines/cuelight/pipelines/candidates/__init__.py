"""A candidate: fitted, held against the champion, logged, and registered as a version."""
