"""The automatic steps, one a file."""
