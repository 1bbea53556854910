"""A Cirrus simulator: an HTTP server that behaves as the public documentation says Cirrus does, oddities included.

It is written from the documented facts alone and shares no code with the client, so that a
misunderstanding in one shows in the other. Section numbers in this package are those of
`cirrus-api.md`; what the documentation leaves open is a `SandboxOptions` field or a noted choice.
"""

from adapter.cirrus.sandbox.control import ControlError, SandboxControl
from adapter.cirrus.sandbox.options import SandboxOptions
from adapter.cirrus.sandbox.sandbox import Sandbox
from adapter.cirrus.sandbox.script import ScriptError, Step, read_script
from adapter.cirrus.sandbox.server import SandboxServer, run_sandbox
from adapter.cirrus.sandbox.webhook import Webhook, read_webhook

__all__ = [
    "ControlError",
    "Sandbox",
    "SandboxControl",
    "SandboxOptions",
    "SandboxServer",
    "ScriptError",
    "Step",
    "Webhook",
    "read_script",
    "read_webhook",
    "run_sandbox",
]
