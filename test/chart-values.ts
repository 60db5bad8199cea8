/** Values as people give them; each has to render, and to be taken by an API server (test/chart-install.test.ts). */
export const valueSets: Record<string, object> = {
  defaults: {},
  "all that can be switched on": {
    server: {
      service: { type: "LoadBalancer", annotations: { "metallb.io/address-pool": "lan" } },
      flows: {
        type: "LoadBalancer",
        loadBalancerIP: "192.168.1.53",
        loadBalancerSourceRanges: ["10.0.20.1/32"],
      },
      ingress: { enabled: true, className: "nginx", host: "flows.example", tlsSecret: "flows-tls" },
      kubernetes: {
        extraRules: [{ apiGroups: ["argoproj.io"], resources: ["rollouts"], verbs: ["get", "list"] }],
      },
      persistence: { storageClass: "fast", size: "100Gi" },
      nodeSelector: { "kubernetes.io/hostname": "node-1" },
      tolerations: [
        { key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" },
      ],
      priorityClassName: "system-cluster-critical",
      extraEnv: [{ name: "TZ", value: "UTC" }],
    },
    agent: {
      seLinuxOptions: { type: "spc_t" },
      hostPaths: { containerRuntimeSocket: "/run/containerd/containerd.sock" },
      kubernetes: { enabled: true },
      config: { commandLine: true, flows: 100000 },
      podAnnotations: { team: "net" },
    },
    networkPolicy: {
      httpFrom: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
      flowsFrom: [{ ipBlock: { cidr: "10.0.20.0/24" } }],
      serverEgress: [{ ports: [{ port: 9090, protocol: "TCP" }] }],
    },
    ...{
      serviceMonitor: { enabled: true },
      podMonitor: { enabled: true },
      prometheusRule: { enabled: true },
    },
    dashboards: { infinity: true, namespace: "portolan" },
    config: { networks: [{ name: "LAN", cidr: "192.168.1.0/24" }], metrics: { compat: ["caretta"] } },
  },
  "HTTPS, by a Secret that cert-manager keeps": {
    server: { tls: { existingSecret: "portolan-tls" } },
    serviceMonitor: { enabled: true },
  },
  "privileged agents on their nodes' network": {
    agent: { privileged: true, hostNetwork: true, appArmorProfile: "", seccompProfile: "" },
  },
  "agents that ask the API server nothing": {
    agent: { kubernetes: { enabled: false } },
  },
  "no agents, no volume, nobody asked for a token": {
    ...{ agent: { enabled: false }, auth: { enabled: false }, networkPolicy: { enabled: false } },
    server: { persistence: { enabled: false }, kubernetes: { enabled: false }, flows: { type: "ClusterIP" } },
  },
  "agents of a server elsewhere, a claim and a Secret of one's own": {
    agent: { serverUrl: "https://portolan.example/flows" },
    auth: { existingSecret: "mine" },
    server: { persistence: { existingClaim: "old" } },
    fullnameOverride: "chart",
  },
};
