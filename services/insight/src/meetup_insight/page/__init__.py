"""The page: what was published, as plots and tables. It knows no warehouse and no store."""
