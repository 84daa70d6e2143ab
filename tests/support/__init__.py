"""What tests share, by theme: every helper that more than one test module needs is here.

| room | what is in it |
|---|---|
| `waiting`, `ports` | waiting with a deadline; ports that are nobody else's |
| `policy` | values of the policy, requests played against it, its laws and the independent oracle |
| `bodies` | bodies of requests, drawn by hypothesis or compressed |
| `config`, `doctor` | configuration files, and Envoy's configurations with a fault |
| `http` | requests as clients send them, responses as they read them |
| `sidecar` | the service without an Envoy: sessions with a script, both sides of gRPC and TLS |
| `envoy` | a real Envoy, its admin endpoint, its messages, its Lua |
| `toys` | the least that can stand around an Envoy: a sidecar without a policy, providers without a script |
| `gateway` | `extproc` as a user starts it, between clients and scripted providers |
"""
