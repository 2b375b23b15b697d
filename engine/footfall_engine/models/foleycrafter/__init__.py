"""FoleyCrafter (arXiv 2407.01494): Auffusion with adapters for what is seen and when it sounds."""
