"""Figures: numbers and frames in, a matplotlib figure out."""
