"""Footfall in DaVinci Resolve: what the menu scripts share. Python 3.8 or newer, standard library only."""

VERSION = "0.1.0"
PROTOCOL = 1
