"""Stages: the glue between the engine and the rooms, one file a stage."""
