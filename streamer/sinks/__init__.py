"""Where results go out: screen, broker, lines of JSON."""
