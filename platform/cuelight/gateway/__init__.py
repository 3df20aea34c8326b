"""The gateway: Envoy's configuration as plain data, its process, and what follows who is there to serve."""
