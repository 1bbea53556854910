"""The rules of assessments (§4): the API makes and changes drafts; publishing is done by a person."""

from adapter.cirrus.sandbox.answers import Answer, Refusal, content, done
from adapter.cirrus.sandbox.reading import external_id, number, parse_object, required_text, text
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.state import Assessment, Tenant

_PURPOSES = (1, 2, 3)
_ID_LIMIT = 64
_TITLE_LIMIT = 100
_CODE_LIMITS = (100, 64)  # create, update (§0, length conflicts)
_OWNER_LIMIT = 64


def create(tenant: Tenant, call: Call) -> Answer:
    """POST /assessment: a draft shell; `Content` is the external id as a string (S-ASSESS-ADD)."""
    body = parse_object(call.raw)
    title = required_text(body, "Title", _TITLE_LIMIT)
    code = required_text(body, "Code", _CODE_LIMITS[0])
    purpose = number(body, "Purpose")
    if purpose is None:
        raise Refusal("'Purpose' should not be empty")
    if purpose not in _PURPOSES:
        raise Refusal("The specified condition was not met for 'Purpose'.")
    assessment_id = external_id(body, "ExternalId", _ID_LIMIT, tenant.options) or tenant.mint()[:12]
    if assessment_id in tenant.assessments:
        raise Refusal(f"External id [{assessment_id}] is already in use")
    tenant.assessments[assessment_id] = Assessment(
        assessment_id,
        title,
        code,
        minutes=tenant.options.assessment_minutes,
        purpose=purpose,
        owner=text(body, "Owner", _OWNER_LIMIT),
    )
    return content(assessment_id)


def update(tenant: Tenant, call: Call) -> Answer:
    """PATCH /assessment/{id}: drafts only (§4.2)."""
    assessment = _found(tenant, call)
    body = parse_object(call.raw)
    if assessment.is_published:
        raise Refusal("Can't update published assessment")
    if not body.keys() & {"Title", "Code", "Owner"}:
        raise Refusal("Update fields are not specified")
    title = required_text(body, "Title", _TITLE_LIMIT) if "Title" in body else assessment.title
    code = required_text(body, "Code", _CODE_LIMITS[1]) if "Code" in body else assessment.code
    owner = text(body, "Owner", _OWNER_LIMIT) or assessment.owner
    assessment.title, assessment.code, assessment.owner = title, code, owner
    return done()


def show(tenant: Tenant, call: Call) -> Answer:
    """GET /assessment/{id} (§4.3)."""
    assessment = _found(tenant, call)
    return content(
        {
            "Title": assessment.title,
            "ExternalId": assessment.external_id,
            "Code": assessment.code,
            "Revision": 1,
            "Purpose": assessment.purpose,
            "Status": 2 if assessment.is_published else 1,
            "IsPublished": assessment.is_published,
            "Availability": 0,
            "AvailabilityStartDate": None,
            "AvailabilityEndDate": None,
            "Type": 1,
            "AssignmentConnections": [],
            "AllowedNumberOfAttempts": None,
            "WhichAttemptCounts": 0,
            "ReasonableAdjustmentType": "PERCENTAGE",
            "MaxTimePerAttempt": assessment.minutes,
            "ExtraTime": assessment.extra_minutes,
        }
    )


def schedulable(tenant: Tenant, assessment_id: str) -> Assessment:
    """Return the assessment a schedule call names; it must exist and be published (§5.1)."""
    assessment = tenant.assessment(assessment_id)
    if assessment is None:
        raise Refusal(f"Assessment [{assessment_id}] is not found")
    if not assessment.is_published:
        raise Refusal(f"Assessment [{assessment_id}] must be published")
    return assessment


def _found(tenant: Tenant, call: Call) -> Assessment:
    assessment = tenant.assessment(call.external_id)
    if assessment is None:
        raise Refusal(f"Assessment with external id [{call.external_id}] is not found")
    return assessment
