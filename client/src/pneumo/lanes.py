"""The earlier module of the pool, removed in the next release: use `pneumo.transport`."""

from pneumo.transport import SingleConnectionPool

Lanes = SingleConnectionPool
