"""Bodies of requests: drawn by hypothesis with their parts known, or compressed."""
