"""Who asks: sign-in and its end, the bank's account service, what a form must prove."""
