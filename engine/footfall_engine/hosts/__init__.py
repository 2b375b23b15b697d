"""The editors Footfall puts its scripts into: where they keep their things, and what is written there."""
