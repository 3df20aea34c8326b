"""The settings, by what they are about: each module holds whole sections of `cuelight.toml`, a row a setting."""
