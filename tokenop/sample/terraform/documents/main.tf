# Reads scanned claims: six machines, day and night.
resource "aws_launch_template" "read_scans" {
  name_prefix   = "sample-read-scans-"
  instance_type = "g5.2xlarge"
}

resource "aws_autoscaling_group" "read_scans" {
  name             = "sample-read-scans"
  min_size         = 1
  max_size         = 6
  desired_capacity = 6 # never changed since the launch

  launch_template {
    id      = aws_launch_template.read_scans.id
    version = "$Latest"
  }
}

# Embeds pages, mostly on spot.
resource "aws_launch_template" "embed_pages" {
  name_prefix   = "sample-embed-pages-"
  instance_type = "g5.xlarge"
}

resource "aws_autoscaling_group" "embed_pages" {
  name     = "sample-embed-pages"
  min_size = 1
  max_size = 8

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 1
      on_demand_percentage_above_base_capacity = 0
      spot_allocation_strategy                 = "price-capacity-optimized"
    }

    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.embed_pages.id
        version            = "$Latest"
      }
    }
  }
}
