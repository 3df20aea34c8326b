"""Promoting and rolling back from the board: what would happen, said before it is asked for, and then done."""
