"""The commands on Windows and macOS, as far as they can be simulated on Linux."""
