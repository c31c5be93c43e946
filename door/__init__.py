"""How it happens: decide, act, journal, replay. Knows no loan; declarations come in from outside."""
