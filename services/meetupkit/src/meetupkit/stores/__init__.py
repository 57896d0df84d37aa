"""Where records (objects) and profiles (documents) are kept: one protocol each, one module a back end."""
