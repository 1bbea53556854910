"""All parts of the benchmark, in the order of the table; a name is what `--only` takes."""

from tests.benchmarks.bench import Part
from tests.benchmarks.rows import again, growth, memory, paced, season, start, urgent, webhook, workers

PARTS: dict[str, Part] = {
    "season": season.measure,
    "paced": paced.measure,
    "urgent-due": urgent.behind_due,
    "urgent-unread": urgent.behind_unread,
    "again": again.measure,
    "memory": memory.measure,
    "workers": workers.measure,
    "start": start.measure,
    "growth": growth.measure,
    "webhook": webhook.measure,
}
