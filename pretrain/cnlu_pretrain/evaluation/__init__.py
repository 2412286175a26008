"""How good an encoder is: held-out text, an NLU model on top of it, the page that shows both."""
