"""How it is said: acts, fields, reasons and the book's texts in the reader's words."""
