"""The ``camchex`` command."""
