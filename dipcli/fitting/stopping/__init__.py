"""Stopping rules: they watch a fit at every step, and never see the clean image; a file each."""
