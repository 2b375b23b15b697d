"""Diff-Foley (Luo et al. 2023, arXiv 2306.17203): CAVP features, latent diffusion, double guidance."""
