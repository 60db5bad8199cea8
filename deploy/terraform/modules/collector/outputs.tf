output "metrics" {
  description = "The target of a scrape job."
  value       = "${kubernetes_service_v1.metrics.metadata[0].name}.${local.namespace}:8080"
}

output "node_port" {
  value = var.node_port
}
