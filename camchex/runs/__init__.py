"""Locks, processes, devices, scratch folders and progress of work; no result depends on them."""
