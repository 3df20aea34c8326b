"""Pipelines that come with Cuelight, each on data that comes with its libraries."""
