"""The message broker: the only package that knows kombu.

RabbitMQ 3.10 to 4.x through py-amqp, and brokers that kombu emulates; `memory://` is for the demo
and the tests and keeps nothing over a crash. Correctness rests on what all of them have: topic
exchanges, durable queues and acks one by one. Retries, order and duplicates are the ledger's.
"""

from adapter.broker.confirms import Failed, Published, Reason, Receipt
from adapter.broker.consumer import Consumer
from adapter.broker.dead_letters import bare, dead_letter
from adapter.broker.link import loses_unacked
from adapter.broker.messages import Delivery, Message
from adapter.broker.publisher import Publisher
from adapter.broker.topology import Topology, declare, ready, verify
from adapter.broker.weeding import can_weed, weed

__all__ = [
    "Consumer",
    "Delivery",
    "Failed",
    "Message",
    "Published",
    "Publisher",
    "Reason",
    "Receipt",
    "Topology",
    "bare",
    "can_weed",
    "dead_letter",
    "declare",
    "loses_unacked",
    "ready",
    "verify",
    "weed",
]
