"""Which columns strayed from the reference, and how far, next to windows that did not drift."""
