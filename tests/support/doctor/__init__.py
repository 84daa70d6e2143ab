"""Configurations of Envoy for the doctor, each with its fault."""
