# Scores claims for fraud.
resource "aws_sagemaker_endpoint_configuration" "fraud_score" {
  name = "sample-fraud-score"

  production_variants {
    variant_name           = "AllTraffic"
    model_name             = "sample-fraud-score"
    instance_type          = "ml.g4dn.xlarge"
    initial_instance_count = 2
  }
}

resource "aws_sagemaker_endpoint" "fraud_score" {
  name                 = "sample-fraud-score"
  endpoint_config_name = aws_sagemaker_endpoint_configuration.fraud_score.name
}
