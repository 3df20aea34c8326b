"""What one core, one host and one registry bear, measured; and from that, what so many requests a second need."""
