"""Chinese values as plain values: what 下周三晚上八点, 三百二十块 and 两大一小 mean.

Every parser takes a user's words and returns a value, or None if it does not understand them; it never guesses.
docs/actions.md lists the rules for ambiguous values."""
