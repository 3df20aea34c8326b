"""Settings, errors, clock, loop and logging: what every other package stands on."""
