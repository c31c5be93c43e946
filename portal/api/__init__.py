"""The API, version 1: for vendors' systems, core banking and the bank's other programs. JSON, problem+json, OpenAPI."""

from portal.api.app import api

__all__ = ["api"]
