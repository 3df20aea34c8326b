"""What a scoring request means, and the pages: the same for every way that a request comes in."""
