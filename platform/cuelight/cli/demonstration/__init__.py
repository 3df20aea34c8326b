"""What `cuelight demo` plays: the story, and the callers in it."""
