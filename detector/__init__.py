"""The engine and its surface."""
