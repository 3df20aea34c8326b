"""Who may do what: keys, tokens, permissions, revocation."""
