"""Event Hubs triggers and outputs, as the Azure Functions Event Hubs extension 6 serves them.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-event-hubs. azure-eventhub is loaded only for an
app that has such bindings.
"""
