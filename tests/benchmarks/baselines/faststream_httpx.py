"""The asynchronous baseline: FastStream (aio-pika) + httpx, one call for each event; a program of its own.

Written as its documentation suggests: one subscriber, one client with keep-alive, as many events at once as the
prefetch lets in, acknowledged when the handler returns and requeued when it raises. Spared is what would only cost it
time: a log line for each message, and the parsing of arguments by their types.
"""

import asyncio
import json
import logging
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


async def run(url: str, queue: str, api: str, token: str, at_once: int) -> None:
    """Consume until the process is ended."""
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    headers = {"Authorization": f"EAPI {token}"}
    broker = RabbitBroker(url, apply_types=False, log_level=logging.DEBUG)
    async with httpx.AsyncClient(
        base_url=api, headers=headers, limits=limits, timeout=TIMEOUT, trust_env=False
    ) as cirrus:

        @broker.subscriber(
            RabbitQueue(queue, declare=False),
            channel=Channel(prefetch_count=at_once),
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )
        async def handle(body: bytes) -> None:
            await tell(cirrus, json.loads(body))

        await FastStream(broker, logger=None).run()


def main() -> None:
    """Take the broker's URL, the queue, the API's URL, the token and the calls at once from the command line."""
    url, queue, api, token, at_once = sys.argv[1:]
    asyncio.run(run(url, queue, api, token, int(at_once)))


if __name__ == "__main__":
    main()
