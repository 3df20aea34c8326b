"""How a version stands in live traffic: its share, its bake, and when it is taken back."""
