"""The resident engine: a clip goes in, a stem in time with its picture comes out."""
