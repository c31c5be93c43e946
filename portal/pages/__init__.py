"""The pages, an address or a few a file."""
