# Stands for the stack that makes the cluster, or knows where it is: in place of it, use your own.

variable "kubeconfig" {
  type    = string
  default = "~/.kube/config"
}

output "kubeconfig" {
  value = var.kubeconfig
}
