"""What everybody may see: the published tables, with the rules of privacy applied, as files."""
