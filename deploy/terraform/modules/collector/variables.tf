variable "name" {
  description = "Of Deployment and Services."
  type        = string
  default     = "goflow2"
}

variable "namespace" {
  description = "Where it is installed."
  type        = string
  default     = "goflow2"
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

variable "image" {
  description = "The image with its tag, such as registry.example/portolan:0.1.0."
  type        = string
}

variable "node_port" {
  description = "Where routers send NetFlow and IPFIX, on the node."
  type        = number
  default     = 32055
}

variable "node_selector" {
  description = "The node it stays on."
  type        = map(string)
  default     = {}
}
