"""The asynchronous baseline: FastStream (aio-pika) + httpx, one call for each event; a program of its own.

Written as its documentation suggests: one subscriber, as many events at once as the prefetch lets in, acknowledged when
the handler returns and requeued when it raises. Spared is what would only cost it time: a log line for each message,
the parsing of arguments by their types, and the pool of httpx. That looks through all connections for each request, and
with 75 of them a call costs ten times the CPU; so each call at a time has a client with one connection of its own.
"""

import asyncio
import json
import logging
import ssl
import sys
from typing import Any

import httpx
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, RabbitBroker, RabbitQueue

from tests.benchmarks.baselines.bodies import PAUSE, TIMEOUT, TRIES, request_of


async def tell(cirrus: httpx.AsyncClient, event: dict[str, Any]) -> None:
    """Make the call for one event; raise `HTTPStatusError` when Cirrus refuses it."""
    path, body = request_of(event)
    for _ in range(TRIES):
        answer = await cirrus.post(path, json=body)
        if answer.status_code != httpx.codes.BAD_REQUEST:
            break
        await asyncio.sleep(PAUSE)
    answer.raise_for_status()


def open_clients(api: str, token: str, at_once: int) -> "asyncio.Queue[httpx.AsyncClient]":
    """Return a client with one connection for each call at a time."""
    clients: asyncio.Queue[httpx.AsyncClient] = asyncio.Queue()
    context = ssl.create_default_context()  # loaded once, not once for each client
    for _ in range(at_once):
        clients.put_nowait(
            httpx.AsyncClient(
                base_url=api,
                headers={"Authorization": f"EAPI {token}"},
                limits=httpx.Limits(max_connections=1),
                timeout=TIMEOUT,
                trust_env=False,
                verify=context,
            )
        )
    return clients


async def run(url: str, queue: str, api: str, token: str, at_once: int) -> None:
    """Consume until the process is ended."""
    clients = open_clients(api, token, at_once)
    broker = RabbitBroker(url, apply_types=False, logger=logging.getLogger(__name__))

    @broker.subscriber(
        RabbitQueue(queue, declare=False),
        channel=Channel(prefetch_count=at_once),
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def handle(body: bytes) -> None:
        cirrus = await clients.get()
        try:
            await tell(cirrus, json.loads(body))
        finally:
            clients.put_nowait(cirrus)

    await FastStream(broker, logger=None).run()


def main() -> None:
    """Take the broker's URL, the queue, the API's URL, the token and the calls at once from the command line."""
    url, queue, api, token, at_once = sys.argv[1:]
    asyncio.run(run(url, queue, api, token, int(at_once)))


if __name__ == "__main__":
    main()
