"""Where merchants want to be told of events."""
