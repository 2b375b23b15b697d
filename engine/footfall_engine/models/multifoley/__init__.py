"""MultiFoley: 48 kHz sound from picture, text, reference audio and parts of the track (arXiv 2411.17698)."""
