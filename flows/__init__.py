"""The order of the automatic steps, one stage a file."""
