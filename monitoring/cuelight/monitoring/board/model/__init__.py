"""The board's page of one model: each part of it is a module that turns what is known into plain data."""
