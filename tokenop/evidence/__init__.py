"""What became of templates in practice: reviews, implementations, who reviews, and how far all of it can be trusted."""
