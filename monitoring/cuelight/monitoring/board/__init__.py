"""The board: a page for people, of what is served and how it fares. Nothing on it changes anything."""
