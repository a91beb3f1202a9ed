"""Prediction of many studies: from a table or a folder of DICOM files to a table of results."""
