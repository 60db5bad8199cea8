output "namespace" {
  value = helm_release.this.namespace
}

output "url" {
  description = "Page, API and metrics, within the cluster."
  value       = "http://${local.fullname}.${helm_release.this.namespace}:8080"
}

output "agents" {
  description = "A name that resolves to every agent: the target of a scrape job by DNS."
  value       = "${local.fullname}-agent.${helm_release.this.namespace}"
}

locals {
  # As the chart calls it.
  fullname = strcontains(var.release, "portolan") ? var.release : "${var.release}-portolan"
}
