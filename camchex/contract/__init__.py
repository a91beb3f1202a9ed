"""What crosses from one stage to the next: parameters, labels, tables and image stores."""
