"""The Celery app: `celery -A worker.app worker` is a worker of the stack."""

from __future__ import annotations

from celery import Celery

from shared.broker import celery_settings
from shared.settings import Settings
from worker.stack.bench import Bench
from worker.stack.inspect import show_jobs
from worker.stack.program import StackWorker
from worker.stack.step import BenchStep
from worker.tasks import add_tasks


def make_app(settings: Settings) -> Celery:
    """The two tasks and the worker that opens the bench. Raises ValueError where no broker is set."""
    if settings.broker_url is None:
        raise ValueError("EPOCHD_BROKER_URL must be set: give the address of Redis, redis://host:6379/0")
    url = settings.broker_url.get_secret_value()
    app = Celery("epochd")
    app.conf.update(celery_settings(url))
    app.bench = Bench(settings, url)
    app.Worker = app.subclass_with_self(StackWorker)
    app.steps["worker"].add(BenchStep)
    add_tasks(app, app.bench)
    show_jobs(app.bench)
    return app


app = make_app(Settings.load())
