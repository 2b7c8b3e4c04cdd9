"""Measures: numbers of frames and images, and distances between trajectories."""
