# The Helm release: server, agents, dashboards.

terraform {
  required_version = ">= 1.5"
  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = ">= 2.12"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.23"
    }
  }
}

resource "kubernetes_namespace_v1" "this" {
  count = var.create_namespace ? 1 : 0

  metadata {
    name = var.namespace
    labels = merge(
      {
        # Agents see their node's processes and folders.
        "pod-security.kubernetes.io/enforce" = "privileged"
        tier                                 = var.tier
      },
      var.namespace_labels,
    )
  }
}

resource "helm_release" "this" {
  name      = var.release
  namespace = var.create_namespace ? kubernetes_namespace_v1.this[0].metadata[0].name : var.namespace
  chart     = var.chart
  version   = var.chart_version
  timeout   = var.timeout_seconds
  # Values of a list count in turn: the last one wins.
  values = concat([yamlencode(local.values)], var.values)
}

locals {
  values = merge(
    {
      image = { for name, value in { repository = var.image_repository, tag = var.image_tag } : name => value if value != null }
      server = merge(
        {
          persistence = { for name, value in { size = var.storage_size, storageClass = var.storage_class } : name => value if value != null }
          flows       = { for name, value in { type = var.flows_service_type, loadBalancerIP = var.flows_address } : name => value if value != null }
        },
        var.server_node == null ? {} : { nodeSelector = { "kubernetes.io/hostname" = var.server_node } },
      )
      serviceMonitor = { enabled = var.prometheus_operator }
      podMonitor     = { enabled = var.prometheus_operator }
      prometheusRule = { enabled = var.prometheus_operator }
      config         = var.config
    },
    var.existing_secret == null ? {} : { auth = { existingSecret = var.existing_secret } },
  )
}
