"""The record of predictions and labels: write, compact, query."""
