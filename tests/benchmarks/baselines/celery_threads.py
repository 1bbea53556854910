"""The baseline of the task queues: Celery with `--pool threads` + requests, one task for each event; a program.

Celery reads its own task messages and nothing else, so a user of it puts a bridge between a SIS and its workers, which
takes an event and sends it as a task. Here the bridge costs nothing: the SIS publishes each event as the message that
Celery itself would send (`contestants.as_task`). A consumer step of Celery's that reads the events as they are would
have to send them as tasks too, through the broker once more.

Set as its documentation recommends for work that must not be lost: late acknowledgements, a queue that is replicated,
no results that nobody reads.
"""

import sys
from typing import Any

import kombu
import requests
from celery import Celery

from tests.benchmarks.baselines.bodies import TASK
from tests.benchmarks.baselines.plain import Cirrus

PER_THREAD = 2
"""Messages that are fetched for each thread, as in the other baseline with threads."""


def make_app(url: str, queue: str, api: str, token: str) -> Celery:
    """Return the application with its one task."""
    app = Celery("benchmark", broker=url.replace("amqp://", "pyamqp://", 1), set_as_current=False)
    app.conf.update(
        task_queues=[kombu.Queue(queue, no_declare=True, queue_arguments={"x-queue-type": "quorum"})],
        task_default_queue=queue,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=PER_THREAD,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
    )
    cirrus = Cirrus(api, token)

    @app.task(name=TASK, autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=None)
    def tell(event: dict[str, Any]) -> None:
        cirrus.tell(event)

    return app


def main() -> None:
    """Take the broker's URL, the queue, the API's URL, the token and the number of threads from the command line."""
    url, queue, api, token, threads = sys.argv[1:]
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    make_app(url, queue, api, token).worker_main(["worker", "--pool", "threads", "--concurrency", threads, *quiet])


if __name__ == "__main__":
    main()
