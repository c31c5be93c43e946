"""What is asked on a form, and what was typed read back."""
