"""The `cuelight` command: the only place that composes the other packages."""
