"""What happened, as others and we say it: CloudEvents, their types, and the topics that carry them."""
