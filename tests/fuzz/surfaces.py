"""Every surface: where bytes of strangers come in, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from tests.fuzz.answers import ANSWER, RESULTS, TRANSPORT
from tests.fuzz.configurations import SETTINGS
from tests.fuzz.identifiers import IDS
from tests.fuzz.messages import FRAMES, MESSAGE
from tests.fuzz.promises import Surface
from tests.fuzz.webhooks import HTTP, WEBHOOK

SURFACES: Mapping[str, Surface] = MappingProxyType(
    {surface.name: surface for surface in (MESSAGE, FRAMES, ANSWER, RESULTS, TRANSPORT, WEBHOOK, HTTP, SETTINGS, IDS)}
)
