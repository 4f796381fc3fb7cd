"""Apache Kafka from Maven coordinates: resolve, format, start, stop."""
