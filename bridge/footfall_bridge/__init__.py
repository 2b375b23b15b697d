"""What crosses the process boundary: times, messages, errors, wires. Knows nobody."""

__version__ = "0.1.0"
