"""Where people act: pages and API. Everything that changes a case goes through the door; a page never does."""
