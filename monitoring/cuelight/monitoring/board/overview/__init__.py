"""The board's front page: what needs attention, each model at a glance, and the replicas."""
