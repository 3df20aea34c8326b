"""How good the answers are, on labels."""
