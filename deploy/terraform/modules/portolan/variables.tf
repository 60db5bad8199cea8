variable "namespace" {
  description = "Where it is installed."
  type        = string
  default     = "portolan"
}

variable "create_namespace" {
  description = "Whether the namespace is made here."
  type        = bool
  default     = true
}

variable "tier" {
  description = "The namespace's label tier."
  type        = string
  default     = "observability"
}

variable "namespace_labels" {
  description = "Further labels of the namespace."
  type        = map(string)
  default     = {}
}

variable "release" {
  description = "Name of the Helm release."
  type        = string
  default     = "portolan"
}

variable "chart" {
  description = "The chart: a folder such as deploy/helm/portolan of a checkout, or oci://REGISTRY/portolan."
  type        = string
}

variable "chart_version" {
  description = "Its version, where it comes from a registry."
  type        = string
  default     = null
}

variable "timeout_seconds" {
  description = "How long is waited until all pods are ready."
  type        = number
  default     = 300
}

variable "image_repository" {
  description = "Where the image was pushed to."
  type        = string
  default     = null
}

variable "image_tag" {
  description = "The chart's version when left out."
  type        = string
  default     = null
}

variable "storage_size" {
  description = "Of the server's volume, such as 14Gi."
  type        = string
  default     = null
}

variable "storage_class" {
  description = "Of the server's volume."
  type        = string
  default     = null
}

variable "flows_service_type" {
  description = "How routers reach it: NodePort or LoadBalancer."
  type        = string
  default     = "NodePort"

  validation {
    condition     = contains(["NodePort", "LoadBalancer", "ClusterIP"], var.flows_service_type)
    error_message = "NodePort, LoadBalancer or ClusterIP is expected."
  }
}

variable "flows_address" {
  description = "The load balancer's address that routers send to."
  type        = string
  default     = null
}

variable "server_node" {
  description = "The node on which the server stays: with NodePort it is the one that routers send to."
  type        = string
  default     = null
}

variable "existing_secret" {
  description = "A Secret with the keys ingest-token and read-token, in place of tokens that the chart makes."
  type        = string
  default     = null
}

variable "prometheus_operator" {
  description = "Whether ServiceMonitor, PodMonitor and PrometheusRule are made."
  type        = bool
  default     = false
}

variable "config" {
  description = "Portolan's own configuration, such as {networks = [{name = \"LAN\", cidr = \"192.168.1.0/24\"}]}."
  type        = any
  default     = {}
}

variable "values" {
  description = "Further values of the chart, as YAML texts; they count before all others."
  type        = list(string)
  default     = []
}
