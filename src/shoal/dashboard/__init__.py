"""The page that shows searches live. It reads the store and inserts commands; it never trains and starts no thread."""
