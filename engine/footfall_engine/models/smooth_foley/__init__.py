"""Smooth-Foley (arXiv 2412.18157): FoleyCrafter told of every picture, and of the label's own moments."""
