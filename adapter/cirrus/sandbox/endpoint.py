"""The HTTP side of the sandbox: authorization, faults before and after the effect, and the call list."""

import asyncio
import socket
import struct
from typing import cast

import orjson
from aiohttp import web

from adapter.cirrus.sandbox.answers import Answer
from adapter.cirrus.sandbox.calls import CallLog, CallRecord
from adapter.cirrus.sandbox.control_api import MISTAKES, ControlApi, explain
from adapter.cirrus.sandbox.faults import Fault, FaultPlan
from adapter.cirrus.sandbox.options import API_BASE, SandboxOptions
from adapter.cirrus.sandbox.postman import Postman
from adapter.cirrus.sandbox.sandbox import Sandbox, Target

_CONTROL_BASE = "/_sandbox"
_JSON = "application/json"
_MAINTENANCE_PAGE = (
    "<!DOCTYPE html><html><head><title>Maintenance</title></head>"
    "<body><h1>Cirrus is down for maintenance</h1></body></html>"
)


class Endpoint:
    """Handles every request of one sandbox server, all on one event loop."""

    def __init__(self, options: SandboxOptions) -> None:
        self._options = options
        self._sandbox = Sandbox(options)
        self._faults = FaultPlan(options.seed)
        self._log = CallLog(options.calls_kept)
        self._postman = Postman(options, self._sandbox.now)
        self.control = ControlApi(self._sandbox, self._faults, self._log, self._postman)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let hanging calls go."""
        self._stopping.set()

    async def close(self) -> None:
        """End what the endpoint does by itself, after the last request."""
        await self._postman.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.path
        if path.startswith(API_BASE + "/"):
            return await self._handle_api(request, path[len(API_BASE) :])
        if path == _CONTROL_BASE or path.startswith(_CONTROL_BASE + "/"):
            raw = await request.content.read()
            return self._handle_control(request, path[len(_CONTROL_BASE) :].strip("/"), raw)
        return _json(404, {"Message": "Url not found"})

    async def _handle_api(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        raw = await request.content.read()
        sandbox = self._sandbox
        target = sandbox.aim(request.method, path, request.headers.get("Authorization"))
        tenant = None if target.tenant is None else target.tenant.name
        record = CallRecord(0, sandbox.now(), tenant, request.method, path, request.query_string, target.operation, raw)
        self._log.open(record)
        try:
            response = await self._exchange(request, target, record)
            if not _is_cut(request):
                record.status = response.status
            return response
        finally:
            self._log.close(record)

    async def _exchange(self, request: web.BaseRequest, target: Target, record: CallRecord) -> web.StreamResponse:
        trouble = self._faults.draw(record.method, record.path, record.tenant)
        if delay := self._options.latency_ms + trouble.delay_ms:
            await asyncio.sleep(delay / 1000)
        if trouble.fault is not None:
            record.fault = trouble.fault.name
        elif trouble.delay_ms:
            record.fault = "latency"
        if (fault := trouble.strikes("before")) is not None:
            return await self._strike(request, fault)
        answer = self._sandbox.answer(target, request.query, record.raw)
        record.items = answer.items
        if (fault := trouble.strikes("after")) is not None:
            return await self._strike(request, fault)
        return _respond(answer)

    async def _strike(self, request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
        """Answer, or do not answer, as the fault says."""
        match fault.kind:
            case "maintenance":
                return web.Response(status=503, text=_MAINTENANCE_PAGE, content_type="text/html")
            case "throttle":
                body = {"Message": "Too many requests"}
                return _json(429, body, {"Retry-After": str(fault.retry_after)})
            case "expired_token":
                return _respond(self._sandbox.not_allowed())
            case "hang":
                await self._hang(fault.hang_seconds)
                return _cut(request)
            case "reset":
                return _cut(request)
            case "status" | "latency":
                return _json(fault.status, {"Message": "An error has occurred."})

    async def _hang(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _handle_control(self, request: web.BaseRequest, name: str, raw: bytes) -> web.Response:
        if request.method == "GET" and not name:
            return web.Response(text=self.control.page(), content_type="text/html")
        try:
            body = cast("object", orjson.loads(raw)) if raw else None
            value = self.control.answer(request.method, name, request.query, body)
        except MISTAKES as mistake:
            return _json(400, {"error": explain(mistake)})
        return web.Response(body=orjson.dumps(value, option=orjson.OPT_SORT_KEYS), content_type=_JSON, charset="utf-8")


def _respond(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status)
    return _json(answer.status, answer.body)


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type=_JSON, charset="utf-8", headers=headers)


def _is_cut(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


def _cut(request: web.BaseRequest) -> web.Response:
    """Reset the connection: the client sees ECONNRESET, not an orderly end."""
    transport = request.transport
    if transport is not None:
        found = cast("socket.socket | None", transport.get_extra_info("socket"))
        if found is not None:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)
