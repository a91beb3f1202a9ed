"""Published CSV files, read column by column."""
