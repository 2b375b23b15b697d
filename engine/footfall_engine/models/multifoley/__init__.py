"""MultiFoley: 48 kHz sound steered by text, negative text, reference audio and a part of the track (arXiv 2411.17698)."""
