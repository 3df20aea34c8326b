"""How soon a version that does worse is rolled back, and how often one that does not."""
