"""The earlier module of the runner, removed in the next release: use `bulk.runner`."""

from pneumo.bulk.runner import BulkPredictor

Asking = BulkPredictor
