"""Bodies as others want them: as JSON values, or as models of fhir.resources. What is sent are the bytes themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fhir_msc.desired.model import Desired
from fhir_msc.resources.body import Body, parsed

if TYPE_CHECKING:
    from fhir.resources.R4B.fhirresourcemodel import FHIRResourceModel


def as_json(body: Desired | bytes) -> Body:
    """The body as dicts, lists, texts, booleans, integers and, for what has a point, an exponent or more than 64 bits,
    decimals that keep their digits (``Decimal``): ``serialise`` gives the same bytes again. ValueError for what is no
    JSON object."""
    return parsed(_bytes(body))


def as_model(body: Desired | bytes) -> FHIRResourceModel:
    """The body as the model of its type in ``fhir.resources.R4B``, which is imported when this is first called.

    R4B (4.3.0) takes what R4 allows in the resources that are made here. A model is for reading: dumped again it may
    spell numbers otherwise (1.50 as 1.5), so it is never what is sent. ValueError (pydantic's ValidationError is
    one) for what the model does not take, and for a type that R4B does not have.
    """
    from fhir.resources.R4B import get_fhir_model_class

    text = _bytes(body)
    model = cast("type[FHIRResourceModel]", get_fhir_model_class(str(as_json(text).get("resourceType"))))
    return model.model_validate_json(text)


def _bytes(body: Desired | bytes) -> bytes:
    return body.body if isinstance(body, Desired) else body
