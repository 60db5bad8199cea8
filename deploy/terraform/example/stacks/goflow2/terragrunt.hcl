include "root" {
  path = find_in_parent_folders("root.hcl")
}

dependency "platform" {
  config_path = "../platform"

  mock_outputs                            = { kubeconfig = "~/.kube/config" }
  mock_outputs_allowed_terraform_commands = ["init", "validate", "plan"]
}

inputs = {
  kubeconfig = dependency.platform.outputs.kubeconfig
}
