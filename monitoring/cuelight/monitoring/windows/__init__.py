"""What is judged: a version, its reference, and rows of the journal."""
