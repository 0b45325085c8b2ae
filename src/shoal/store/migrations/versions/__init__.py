"""One file a schema, from the first on."""
