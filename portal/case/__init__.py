"""What a person is shown of a case, and what is his to do there."""
