"""What starts or steers work. Thin: authenticate, validate, start or raise or query, respond."""

from triggers import appeal, attach, cases, health, inquire, queues, review_page, submit, sweep, tasks

BLUEPRINTS = tuple(
    module.blueprint for module in (submit, inquire, attach, appeal, tasks, queues, review_page, cases, health, sweep)
)
