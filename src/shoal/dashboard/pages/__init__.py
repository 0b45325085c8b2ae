"""The pages, a module each, with one function `page`. Thin: they read, draw what figures compute, and give commands."""
