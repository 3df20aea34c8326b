"""What commands found, as people see it: one module a command that has more to show than a line."""
