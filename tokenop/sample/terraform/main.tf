# SAMPLE: made up, like the sample inventory beside it (docs/sample-month.md).
# `tokenop test-template` changes a copy of it, to see what the diffs of a template do.

module "sample_analytics" {
  source = "./analytics"
}

module "sample_claims" {
  source = "./claims"
}

module "sample_documents" {
  source = "./documents"
}
