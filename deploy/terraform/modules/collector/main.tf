# In GoFlow2's place: `portolan collect` with its flags, its output and its ports. No store and no map; for those, see ../portolan.

terraform {
  required_version = ">= 1.5"
  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.23"
    }
  }
}

locals {
  labels = { "app.kubernetes.io/name" = var.name, "app.kubernetes.io/part-of" = "portolan" }
}

resource "kubernetes_namespace_v1" "this" {
  count = var.create_namespace ? 1 : 0

  metadata {
    name   = var.namespace
    labels = { tier = var.tier }
  }
}

resource "kubernetes_deployment_v1" "this" {
  metadata {
    name      = var.name
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    # Templates and sequence numbers are one process's.
    replicas = 1

    strategy {
      type = "Recreate"
    }

    selector {
      match_labels = local.labels
    }

    template {
      metadata {
        labels = local.labels
      }

      spec {
        automount_service_account_token = false
        enable_service_links            = false
        node_selector                   = var.node_selector

        security_context {
          run_as_non_root = true
          run_as_user     = 10001
          run_as_group    = 10001
        }

        container {
          name  = "collector"
          image = var.image
          args = [
            "collect",
            "-listen", "netflow://:2055",
            "-transport", "stdout",
            "-format", "json",
            "-addr", ":8080",
          ]

          port {
            name           = "netflow"
            container_port = 2055
            protocol       = "UDP"
          }

          port {
            name           = "metrics"
            container_port = 8080
            protocol       = "TCP"
          }

          liveness_probe {
            http_get {
              path = "/__health"
              port = "metrics"
            }
            period_seconds = 10
          }

          readiness_probe {
            http_get {
              path = "/__health"
              port = "metrics"
            }
            period_seconds = 5
          }

          resources {
            requests = {
              cpu    = "50m"
              memory = "64Mi"
            }
            limits = {
              cpu    = "200m"
              memory = "256Mi"
            }
          }

          security_context {
            allow_privilege_escalation = false
            read_only_root_filesystem  = true

            capabilities {
              drop = ["ALL"]
            }
          }
        }
      }
    }
  }
}

resource "kubernetes_service_v1" "flows" {
  metadata {
    name      = "${var.name}-netflow"
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    type     = "NodePort"
    selector = local.labels
    # The sender's address is kept; only the collector's own node answers, so send there.
    external_traffic_policy = "Local"

    port {
      name        = "netflow"
      port        = 2055
      target_port = "netflow"
      node_port   = var.node_port
      protocol    = "UDP"
    }
  }
}

resource "kubernetes_service_v1" "metrics" {
  metadata {
    name      = var.name
    namespace = local.namespace
    labels    = local.labels
  }

  spec {
    selector = local.labels

    port {
      name        = "metrics"
      port        = 8080
      target_port = "metrics"
      protocol    = "TCP"
    }
  }
}

locals {
  namespace = var.create_namespace ? kubernetes_namespace_v1.this[0].metadata[0].name : var.namespace
}
