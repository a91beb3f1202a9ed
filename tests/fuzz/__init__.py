"""Damaged raw files by the thousand, and what becomes of each: ``make fuzz``.

A small synthetic cohort is written in the published layouts; then, time after time, one of its
files is damaged and read the way its stage reads it. Right is: refused with an error that names the
file, quarantined with a reason, or read in full. Wrong is: another exception, no end, a dead
process, or other rows than the file has lines. Everything follows from the seed.
"""
