"""What starts or steers work. Thin: authenticate, validate, start or raise or query, respond."""

from triggers import (
    appeal,
    attach,
    cases,
    dead_letters,
    health,
    inquire,
    kafka_attachments,
    kafka_coverage,
    kafka_decisions,
    kafka_requests,
    monitoring,
    processes,
    queues,
    refresh,
    replays,
    review_page,
    submit,
    sweep,
    tasks,
)

HTTP = (
    submit,
    inquire,
    attach,
    appeal,
    tasks,
    queues,
    review_page,
    cases,
    processes,
    monitoring,
    replays,
    dead_letters,
    health,
)
KAFKA = (kafka_requests, kafka_attachments, kafka_coverage, kafka_decisions)
TIMER = (sweep, refresh)
BLUEPRINTS = tuple(module.blueprint for module in (*HTTP, *KAFKA, *TIMER))
