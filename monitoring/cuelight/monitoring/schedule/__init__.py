"""When drift jobs and retrainings run: one process of an installation starts them."""
