"""The follower: what the registry says becomes what the workers serve."""
