"""Backups: what an installation can't make again, in one file."""
