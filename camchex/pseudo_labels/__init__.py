"""Labels of the external sets, completed by a teacher."""
