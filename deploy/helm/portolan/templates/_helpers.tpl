{{- define "portolan.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "portolan.fullname" -}}
{{- $name := include "portolan.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "portolan.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: portolan
{{ include "portolan.selector" . }}
{{- end }}

{{- define "portolan.selector" -}}
app.kubernetes.io/name: {{ include "portolan.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "portolan.image" -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{- define "portolan.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "portolan.serverAccount" -}}
{{- default (printf "%s-server" (include "portolan.fullname" .)) .Values.server.serviceAccount.name }}
{{- end }}

{{- define "portolan.agentAccount" -}}
{{- default (printf "%s-agent" (include "portolan.fullname" .)) .Values.agent.serviceAccount.name }}
{{- end }}

{{- define "portolan.secret" -}}
{{- default (printf "%s-tokens" (include "portolan.fullname" .)) .Values.auth.existingSecret }}
{{- end }}

{{- define "portolan.serverUrl" -}}
{{- default (include "portolan.ownUrl" .) .Values.agent.serverUrl }}
{{- end }}

{{- define "portolan.scheme" -}}
{{- ternary "https" "http" (ne .Values.server.tls.existingSecret "") }}
{{- end }}

{{/* This release's server, within the cluster. */}}
{{- define "portolan.ownUrl" -}}
{{- printf "%s://%s:%v" (include "portolan.scheme" .) (include "portolan.fullname" .) .Values.server.service.port }}
{{- end }}

{{/* Whether those who ask this release's server need the authority that vouches for it. */}}
{{- define "portolan.hasAuthority" -}}
{{- if and .Values.server.tls.existingSecret .Values.server.tls.hasAuthority }}true{{ end }}
{{- end }}

{{/* What the server reads: values.config, and what the chart decides. */}}
{{- define "portolan.serverConfig" -}}
{{- range $key, $instead := dict "listen" "server.service" "flows" "server.flows" "data" "server.persistence" "auth" "auth" "agent" "agent.config" "tls" "server.tls" }}
{{- if hasKey $.Values.config $key }}
{{- fail (printf "config.%s: the chart decides this; say it in %s" $key $instead) }}
{{- end }}
{{- end }}
{{- $flows := list }}
{{- if .Values.server.flows.enabled }}
{{- range .Values.server.flows.ports }}
{{- $flows = append $flows (printf "udp://[::]:%v" .port) }}
{{- end }}
{{- end }}
{{- $auth := "none" }}
{{- if .Values.auth.enabled }}
{{- $auth = dict "tokens" (list (dict "name" "read" "file" "/etc/portolan/read-token" "scopes" (list "read"))) "ingestTokens" (list (dict "name" "agents" "file" "/etc/portolan/ingest-token")) }}
{{- end }}
{{- $kubernetes := dict "enabled" .Values.server.kubernetes.enabled }}
{{- /* [::] is every address, IPv4's too: in a cluster of IPv6 alone a pod has no other. */}}
{{- $decided := dict "listen" "[::]:8080" "flows" $flows "data" "/var/lib/portolan" "auth" $auth "kubernetes" $kubernetes }}
{{- if .Values.server.tls.existingSecret }}
{{- $decided = set $decided "tls" (dict "certificate" "/etc/portolan/tls.crt" "key" "/etc/portolan/tls.key") }}
{{- end }}
{{- toYaml (merge $decided (deepCopy .Values.config)) }}
{{- end }}

{{/* Who reaches what from a peer list: everybody when it is empty. */}}
{{- define "portolan.anywhere" -}}
- ipBlock: { cidr: 0.0.0.0/0 }
- ipBlock: { cidr: "::/0" }
{{- end }}

{{- define "portolan.dnsPorts" -}}
{{- range .Values.networkPolicy.dnsPorts }}
- { port: {{ . }}, protocol: UDP }
- { port: {{ . }}, protocol: TCP }
{{- end }}
{{- end }}

{{- define "portolan.apiServerPorts" -}}
{{- range .Values.networkPolicy.apiServerPorts }}
- { port: {{ . }}, protocol: TCP }
{{- end }}
{{- end }}
