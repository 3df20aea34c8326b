"""From a window to alarm or none: the rules that are compared. Cuelight's calls its own tests, the others are here."""
