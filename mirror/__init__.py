"""Shows durable history in Camunda 8: a process of its own, which no workflow waits for. ``python -m mirror``."""
