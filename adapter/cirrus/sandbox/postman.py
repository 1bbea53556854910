"""The postman of the webhook (§C): takes what was published, POSTs it, and comes back while it is not answered 200."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp

from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.deliveries import DeliveryLog, Tally, Try
from adapter.cirrus.sandbox.draws import draw, draw_whole
from adapter.cirrus.sandbox.options import SandboxOptions
from adapter.cirrus.sandbox.state import Paper, Tenant
from adapter.cirrus.sandbox.webhook import TRIES, Webhook, payload

_AT_ONCE = 20
_OK = 200


@dataclass(frozen=True, slots=True)
class _Letter:
    """One message to deliver; `words` tell its draws from those of others, in whatever order they come."""

    paper: Paper
    body: bytes
    words: tuple[object, ...]


@dataclass(slots=True)
class _Round:
    """What the postman knows of one tenant."""

    tenant: str
    webhook: Webhook | None = None
    tally: Tally = field(default_factory=Tally)
    waiting: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])


class Postman:
    """Delivers on the event loop of the server; a letter follows the webhook as it is set up when it is sent."""

    def __init__(self, options: SandboxOptions, now: Callable[[], datetime]) -> None:
        self._options = options
        self._now = now
        self._rounds: dict[str, _Round] = {}
        self._log = DeliveryLog(options.calls_kept)
        self._tasks: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    def configure(self, tenant: str, webhook: Webhook) -> None:
        """Set up a tenant's webhook, in place of the one it has."""
        self._round(tenant).webhook = webhook

    def remove(self, tenant: str) -> None:
        """Take a tenant's webhook away, and its waiting deliveries with it; the counts stay."""
        round_ = self._round(tenant)
        round_.webhook = None
        _stop(round_)

    def reset(self) -> None:
        """Forget webhooks, waiting deliveries, tries and counts."""
        for round_ in self._rounds.values():
            _stop(round_)
        self._rounds.clear()
        self._log.clear()

    async def close(self) -> None:
        """Stop delivering and let the connections go."""
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def announce(self, tenant: Tenant, papers: Sequence[Paper]) -> None:
        """Send what was published together; nothing is kept for later where there is no active webhook."""
        round_ = self._round(tenant.name)
        webhook = round_.webhook
        if webhook is None:
            return
        wanted = [paper for paper in papers if _concerns(webhook, paper)]
        round_.tally.dropped += len(papers) - len(wanted)
        round_.tally.announced += len(wanted)
        letters = [self._write(tenant.name, webhook, paper) for paper in wanted]
        letters.sort(key=lambda letter: draw(*letter.words, "lost"))
        lost = round(webhook.lost * len(letters))
        round_.tally.lost += lost
        for letter in letters[lost:]:
            for copy in range(draw_whole(*webhook.repeats, *letter.words, "repeats")):
                self._post(round_, letter, copy)

    def view(self) -> Json:
        """Return each tenant's webhook, secrets masked, with its counts, and the sums of all counts."""
        counts = {name: round_.tally.view(len(round_.waiting)) for name, round_ in self._rounds.items()}
        webhooks = {name: round_.webhook for name, round_ in self._rounds.items()}
        return {
            "tenants": {
                name: {"webhook": None if webhook is None else webhook.view(), "counts": counts[name]}
                for name, webhook in webhooks.items()
            },
            "counts": {key: sum(each[key] for each in counts.values()) for key in Tally().view(0)},
        }

    def tries(self, limit: int | None = None) -> list[Json]:
        """Return the newest POSTs, oldest first."""
        return self._log.newest(limit)

    def _round(self, tenant: str) -> _Round:
        return self._rounds.setdefault(tenant, _Round(tenant))

    def _write(self, tenant: str, webhook: Webhook, paper: Paper) -> _Letter:
        attempt = paper.attempt
        words = (tenant, paper.schedule.external_id, paper.seat.user.external_id, attempt.number, attempt.announced)
        return _Letter(paper, payload(webhook, paper, self._options), (self._options.seed, "webhook", *words))

    def _post(self, round_: _Round, letter: _Letter, copy: int) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(round_, letter, copy))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        round_.waiting.add(task)
        task.add_done_callback(round_.waiting.discard)

    async def _deliver(self, round_: _Round, letter: _Letter, copy: int) -> None:
        """Try until it is answered with 200, or ten times."""
        webhook, tally, words = round_.webhook, round_.tally, (*letter.words, copy)
        wait = 0.0 if webhook is None else draw(*words, "spread") * webhook.spread_seconds
        for number in range(1, TRIES + 1):
            await asyncio.sleep(wait)
            async with self._gate:
                webhook = round_.webhook
                if webhook is None or not webhook.active:
                    tally.dropped += 1
                    return
                tally.sent += 1
                tally.retried += number > 1
                if await self._send(webhook, round_.tenant, letter, number) == _OK:
                    tally.delivered += 1
                    return
            wait = webhook.delay(number, *words)
        tally.given_up += 1

    async def _send(self, webhook: Webhook, tenant: str, letter: _Letter, number: int) -> int | None:
        """POST once and return the status, or None without an answer."""
        paper = letter.paper
        candidate, schedule = paper.seat.user.external_id, paper.schedule.external_id
        made = Try(0, self._now(), tenant, candidate, schedule, paper.attempt.number, number)
        self._log.open(made)
        try:
            async with self._open_session().post(
                webhook.url,
                data=letter.body,
                headers=webhook.all_headers(letter.body),
                timeout=aiohttp.ClientTimeout(total=webhook.timeout_seconds),
                allow_redirects=False,
            ) as response:
                made.status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
        return made.status

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # One connection per message: a pooled one that the receiver closed would count as a failed try.
            connector = aiohttp.TCPConnector(limit=_AT_ONCE, force_close=True)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session


def _concerns(webhook: Webhook, paper: Paper) -> bool:
    """Return whether the webhook is to tell of it: failed results, and corrections to failed, may be left out (§C)."""
    return webhook.active and (not webhook.only_satisfactory or paper.mark.outcome == "SATISFACTORY")


def _stop(round_: _Round) -> None:
    for task in list(round_.waiting):
        task.cancel()
    round_.waiting.clear()
