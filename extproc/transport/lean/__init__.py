"""gRPC for ext_proc on a bare connection: no task, no queue and no copy that a stream does not need.

It serves the same `Processor` as the gRPC library's server and costs about a third of its time.
"""
