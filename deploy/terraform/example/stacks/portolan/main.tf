variable "kubeconfig" {
  type = string
}

provider "kubernetes" {
  config_path = var.kubeconfig
}

# Provider version 3; for version 2 write `kubernetes { config_path = var.kubeconfig }`.
provider "helm" {
  kubernetes = { config_path = var.kubeconfig }
}

module "portolan" {
  source = "../../../modules/portolan"

  chart            = "${path.module}/../../../../helm/portolan"
  image_repository = "registry.example/portolan"
  # pfSense sends to this node, UDP port 32055.
  server_node = "node-1"
  config = {
    metrics = { compat = ["caretta"] }
    networks = [
      { name = "ISP", cidr = "192.168.1.0/24" },
      { name = "TrueNAS", cidr = "10.0.10.0/24" },
      { name = "Kubernetes", cidr = "10.0.20.0/24" },
    ]
  }
}

output "url" {
  value = module.portolan.url
}
