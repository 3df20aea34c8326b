"""The model registry as plain data, and the adapters that read and write it."""
