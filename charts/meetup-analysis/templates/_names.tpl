{{/* What objects are called. Every template of this file is given the list: root context, component. */}}

{{/* The beginning of every name; 40 characters leave room for "-alert-webhook" and the hash of a pod in 63. */}}
{{- define "meetup.fullname" -}}
{{- default (first .).Release.Name (first .).Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "meetup.name" -}}
{{ include "meetup.fullname" . }}-{{ last . }}
{{- end }}

{{/* The labels that pods are selected by: a Deployment can never change them. */}}
{{- define "meetup.selector" -}}
app.kubernetes.io/name: meetup-{{ last . }}
app.kubernetes.io/instance: {{ (first .).Release.Name | quote }}
{{- end }}

{{- define "meetup.labels" -}}
{{- $root := first . }}
{{- $own := include "meetup.selector" . | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/component" (last .) }}
{{- $_ := set $own "app.kubernetes.io/part-of" "meetup-analysis" }}
{{- $_ := set $own "app.kubernetes.io/version" $root.Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") }}
{{- merge $own $root.Values.commonLabels | toYaml }}
{{- end }}

{{/* The image of the component, a service of services/: by whole reference, by digest, or else by tag. */}}
{{- define "meetup.image" -}}
{{- $root := first . }}
{{- $image := $root.Values.image }}
{{- $digest := get $image.digests (last .) }}
{{- $named := printf "%s/%s" $image.repository (last .) }}
{{- $named = ternary (printf "%s@%s" $named $digest) (printf "%s:%s" $named (default $root.Chart.AppVersion $image.tag)) (ne $digest "") }}
{{- default $named (get $image.references (last .)) }}
{{- end }}

{{/* The ServiceAccount of the component. */}}
{{- define "meetup.serviceAccount" -}}
{{- $values := get (dict "feed-operator" (first .).Values.operator "enricher" (first .).Values.enricher "alert-webhook" (first .).Values.alertWebhook "stream" (first .).Values.streams "insight" (first .).Values.insight) (last .) }}
{{- default (include "meetup.name" .) $values.serviceAccount.name }}
{{- end }}

{{/* Where the gateway answers. */}}
{{- define "meetup.gatewayUrl" -}}
http://{{ include "meetup.name" (list (first .) "gateway") }}.{{ (first .).Release.Namespace }}.svc:8080
{{- end }}

{{/* The project's Firestore. */}}
{{- define "meetup.firestore" -}}
{{- with (first .).Values.google }}
{{- with .project }}firestore://{{ . }}{{ end }}
{{- with .database }}/{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/*
"true" if GKE's own controller serves the Ingress. It goes by an annotation alone, and leaves an Ingress with ingressClassName
to others; the pods behind a ClusterIP it reaches by network endpoint groups, which are not everywhere the default.
*/}}
{{- define "meetup.ingressIsGoogles" -}}
{{- with (first .).Values.alertWebhook.ingress }}
{{- if and .enabled (has .className (list "gce" "gce-internal")) }}true{{ end }}
{{- end }}
{{- end }}

{{/* The namespaces of those who read the metrics, with commas. Google's collectors run in gke-gmp-system (Autopilot) or gmp-system. */}}
{{- define "meetup.monitoringNamespaces" -}}
{{- with (first .).Values.monitoring }}
{{- $googles := ternary (list "gke-gmp-system" "gmp-system") list (eq .prometheus "managed") }}
{{- concat (default list .namespaces) $googles | uniq | join "," }}
{{- end }}
{{- end }}
