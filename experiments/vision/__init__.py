"""Convolutional networks on real images: what they reach, what they look for, and what their training costs."""
