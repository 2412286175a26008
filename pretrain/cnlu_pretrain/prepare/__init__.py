"""From text to a prepared corpus."""
