"""What a fit may descend: a file per loss."""
