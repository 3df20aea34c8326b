"""Tables scored by a served version, part by part: here, or by the workers of a Dask cluster."""
