"""Every endpoint the sandbox answers, in the order of the table in §A; what is not here is 404."""

from adapter.cirrus.sandbox import assessments, attempts, bookings, groups, results, schedules, seats, users
from adapter.cirrus.sandbox.options import SandboxOptions
from adapter.cirrus.sandbox.routing import Route, Router

_SETTLED = (
    Route("POST", "/user", users.create),
    Route("PATCH", "/user/{id}", users.update),
    Route("GET", "/user/{id}", users.show),
    Route("DELETE", "/user/{id}", users.delete),
    Route("GET", "/groups", groups.search),
    Route("POST", "/groups", groups.create),
    Route("PATCH", "/groups/{id}", groups.update),
    Route("DELETE", "/groups/{id}", groups.delete),
    Route("POST", "/assessment", assessments.create),
    Route("PATCH", "/assessment/{id}", assessments.update),
    Route("GET", "/assessment/{id}", assessments.show),
    Route("POST", "/schedule", bookings.create, message=True),
    Route("POST", "/external/schedule", schedules.create),
    Route("PATCH", "/external/schedule/{id}", schedules.update),
    Route("PUT", "/external/schedule/{id}/activate", schedules.activate),
    Route("GET", "/external/schedule/{id}", schedules.show),
    Route("POST", "/schedule/add-candidates", bookings.add_candidates, message=True),
    Route("DELETE", "/external/schedule/{id}/candidates", seats.delete_candidates),
    Route("PUT", "/external/schedule/{id}/sharing", seats.share),
    Route("DELETE", "/external/schedule/{id}", schedules.delete),
    Route("GET", "/external/schedule/{id}/attempt-info", attempts.show),
    Route("GET", "/results", results.show),
)

_DOUBTFUL = (
    # Heading and sample, or sibling, disagree about the /external prefix (§A, ⚠).
    ("PUT", "/schedule/{id}/candidates", seats.add_candidates),
    ("PUT", "/schedule/{id}/invigilators", seats.add_invigilators),
    ("DELETE", "/schedule/{id}/invigilators", seats.delete_invigilators),
    ("GET", "/schedule/{id}/invigilation-info", attempts.invigilate),
)


def build_router(options: SandboxOptions) -> Router:
    """Build the router with the path spellings the options ask for."""
    prefixes = {"plain": ("",), "external": ("/external",), "both": ("", "/external")}[options.path_variants]
    doubtful = [Route(method, prefix + template, rule) for method, template, rule in _DOUBTFUL for prefix in prefixes]
    return Router([*_SETTLED, *doubtful])
