"""The engraving workload: images and their captions through one latent space."""
