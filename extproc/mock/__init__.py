"""A mock provider that responds by a script: for the demo, for tests, for trying a policy."""
