"""One attempt's conversation with Envoy, as values in and values out."""
