"""How it runs on streams: the only home of Bytewax and Kafka."""
