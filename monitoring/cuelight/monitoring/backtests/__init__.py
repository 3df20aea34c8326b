"""What drift jobs would have said of the past journal, had they run then."""
