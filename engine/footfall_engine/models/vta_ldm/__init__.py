"""VTA-LDM (arXiv 2407.07464): CLIP features of the picture, AudioLDM's latents and sound."""
