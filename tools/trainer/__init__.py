"""Makes what the end-to-end tests train with: an image with Python and a shell, and PyTorch for CPUs beside it."""
