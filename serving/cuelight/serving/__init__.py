"""Follower, model store, cue board, request path and the Flask app."""
