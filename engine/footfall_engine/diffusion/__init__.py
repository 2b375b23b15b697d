"""The mathematics that all diffusion models share; it knows none of them.

Conventions
-----------
x_t = alpha(t) x_0 + sigma(t) noise, with alpha² + sigma² = 1. Time t is a model's own, 0 (clean) … T - 1 (noise),
and may lie between two integers. Latents are float32, shape = (batch, ...). A `Denoiser` predicts the noise in x_t.
"""
