"""The annex: versions on no track, loaded when somebody asks for them."""
