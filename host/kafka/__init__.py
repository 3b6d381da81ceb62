"""Kafka triggers and outputs, as the Azure Functions Kafka extension 4.3 serves them.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-kafka. confluent-kafka is loaded only for an app
that has such bindings.
"""
