"""What `cuelight doctor` looks at: one module a part, each a function from what is there to findings."""
