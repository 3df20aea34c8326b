"""Whether the loop helps where data drifts, and leaves alone what does not."""
