variable "kubeconfig" {
  type = string
}

provider "kubernetes" {
  config_path = var.kubeconfig
}

module "collector" {
  source = "../../../modules/collector"

  image = "registry.example/portolan:0.1.0"
  # The stack portolan has 32055.
  node_port     = 32056
  node_selector = { "kubernetes.io/hostname" = "node-1" }
}

output "metrics" {
  value = module.collector.metrics
}
