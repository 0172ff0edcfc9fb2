"""How work flows through the service: admitted by tokens, done in turns, dropped when in vain."""
