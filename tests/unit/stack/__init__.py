"""The files of the stack: images, compose file, monitoring, guide."""
