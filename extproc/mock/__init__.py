"""A provider that answers by a script: for the demo, for tests, for trying a policy out."""
