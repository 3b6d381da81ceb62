"""Camunda 8, as the mirror of durable history uses it."""
