# Tags feedback with a model of the company's own.
resource "aws_launch_template" "tag_feedback" {
  name_prefix   = "sample-tag-feedback-"
  instance_type = "g6e.12xlarge"
}

resource "aws_autoscaling_group" "tag_feedback" {
  name             = "sample-tag-feedback"
  min_size         = 1
  max_size         = 1
  desired_capacity = 1

  launch_template {
    id      = aws_launch_template.tag_feedback.id
    version = "$Latest"
  }
}
