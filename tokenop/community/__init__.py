"""What the repository's community does and what came of it: decisions only, without network or clock."""
