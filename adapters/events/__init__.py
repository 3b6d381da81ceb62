"""Events out to others, and the log of what came in: Kafka, Event Hubs, memory."""
