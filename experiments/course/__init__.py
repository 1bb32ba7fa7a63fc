"""What a course on neural networks shows, on real images."""
