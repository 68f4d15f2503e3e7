"""A fuzzer driven by the OpenAPI document, against a real server: no 5xx, and no answer that is not described."""
