"""A DaVinci Resolve made of facts: strict about every call, as treacherous as the real one. Standard library only."""
