"""The client's models are those of the service's description: neither knows a field that the other does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.app import create_app
from api.settings import load_settings
from scripts.client import models

SAME = {
    models.Approximations: "ApproximationsBody",
    models.Credits: "CreditsReply",
    models.Figure: "FigureReply",
    models.Generation: "GenerationReply",
    models.Job: "TryOnReply",
    models.MeasuredPhoto: "LegacyPhotoReply",
    models.Model: "ModelReply",
    models.Optimisation: "OptimisationReply",
    models.Photo: "PhotoReply",
    models.Place: "PreparedUpload",
    models.Product: "ProductReply",
    models.Products: "ProductsReply",
    models.Share: "ShareReply",
    models.TryOn: "TryOn",
    models.Variant: "VariantReply",
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The schemas of `/openapi.json`."""
    app = create_app(load_settings(data=tmp_path_factory.mktemp("data")))
    schemas: dict[str, Any] = app.openapi()["components"]["schemas"]
    return schemas


def always_there(schema: dict[str, Any]) -> set[str]:
    """Also what has a value by default."""
    with_default = {name for name, one in schema["properties"].items() if one.get("default") is not None}
    return {*schema.get("required", ()), *with_default}


@pytest.mark.parametrize("model", SAME, ids=lambda model: model.__name__)
def test_a_model_has_the_fields_that_the_service_describes(model: type[models.Wire], described: dict[str, Any]) -> None:
    here, there = model.model_json_schema(by_alias=True), described[SAME[model]]
    assert set(here["properties"]) == set(there["properties"])
    assert set(here.get("required", ())) <= always_there(there), "else there are replies that cannot be read"


def test_the_examples_of_the_description_are_read_and_written_as_they_are(described: dict[str, Any]) -> None:
    examples = {model: example for model, name in SAME.items() if (example := described[name].get("example"))}
    assert len(examples) > 6
    for model, example in examples.items():
        read = model.model_validate_json(json.dumps(example))
        assert read.wire() == {name: value for name, value in example.items() if value != []}


def test_a_consent_is_what_completing_an_upload_takes_besides_its_key(described: dict[str, Any]) -> None:
    here = models.Consent.model_json_schema(by_alias=True)["properties"]
    assert {"uploadKey", *here} == set(described["UploadComplete"]["properties"])


def test_every_model_is_compared() -> None:
    known = {kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, models.Wire)}
    assert known - {models.Wire, models.Consent} == set(SAME)
