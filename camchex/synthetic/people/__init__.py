"""Invented patients: conditions, findings, vital signs, indications and reports."""
