"""Chinese values as plain values: what 下周三晚上八点, 三百二十块 and 两大一小 mean.

Every reader takes what a user said, answers with a value, and with None where it does not understand: never with a
guess. Rules for what can mean two things stand in docs/actions.md."""
