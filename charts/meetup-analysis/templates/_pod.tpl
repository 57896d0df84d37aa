{{/* What every pod of the chart has alike: the restricted Pod Security Standard, probes, places, who may speak to whom. */}}

{{/* Of the pod, from: root context, component, the component's values. */}}
{{- define "meetup.pod" -}}
{{- $root := first . }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ quote . }}
  {{- end }}
{{- end }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.pods }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "meetup.podMetadata" -}}
{{- $root := first . }}
labels: {{- merge (include "meetup.labels" . | fromYaml) $root.Values.pods.labels | toYaml | nindent 2 }}
{{- with $root.Values.pods.annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Replicas go to different zones and nodes where there are any. */}}
{{- define "meetup.spread" -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "meetup.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{- define "meetup.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end }}

{{/* Of a service's container: it starts within 60 s, is restarted when it stands still, and gets requests when ready. */}}
{{- define "meetup.container" -}}
image: {{ include "meetup.image" . }}
imagePullPolicy: {{ (first .).Values.image.pullPolicy }}
ports:
  - name: http
    containerPort: 8080
securityContext: {{- include "meetup.containerSecurity" . | nindent 2 }}
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end }}

{{/* A container of a Service goes on answering until the nodes have heard that it is leaving. */}}
{{- define "meetup.drain" -}}
lifecycle:
  preStop:
    sleep: {seconds: 5}
{{- end }}

{{/* Egress to names and to Google: DNS, the metadata server (both addresses that GKE documents for its tokens), HTTPS. */}}
{{- define "meetup.egress" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
- to:
    - ipBlock: {cidr: 169.254.169.254/32}
  ports:
    - {protocol: TCP, port: 80}
    - {protocol: TCP, port: 988}
- to:
    - ipBlock: {cidr: 169.254.169.252/32}
  ports:
    - {protocol: TCP, port: 988}
- ports:
    - {protocol: TCP, port: 443}
    {{- range (first .).Values.networkPolicy.extraPorts }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{/* Who reads the metrics of any pod, and runs `helm test`. */}}
{{- define "meetup.readers" -}}
- podSelector:
    matchLabels: {{- include "meetup.selector" (list (first .) "test") | nindent 6 }}
{{- range include "meetup.monitoringNamespaces" . | splitList "," | compact }}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ . }}}
{{- end }}
{{- end }}
