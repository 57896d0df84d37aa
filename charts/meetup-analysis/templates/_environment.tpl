{{/* The services' settings. What the chart sets itself is one YAML map a service, which validate.yaml reads too. */}}

{{- define "meetup.environment.enricher" -}}
ENRICHER_HOST: "0.0.0.0"
ENRICHER_PORT: "8080"
ENRICHER_API_URL: {{ default (ternary (include "meetup.gatewayUrl" (list .)) "" .Values.gateway.enabled) .Values.enricher.apiUrl | quote }}
ENRICHER_API_KEY_FILE: /etc/meetup/api-key/{{ .Values.enricher.apiKey.key }}
ENRICHER_TOKEN_FILE: {{ with .Values.enricher.token }}{{ if .existingSecret }}/etc/meetup/token/{{ .key }}{{ end }}{{ end }}
ENRICHER_DOCUMENTS: {{ default (include "meetup.firestore" (list .)) .Values.enricher.documents | quote }}
{{- end }}

{{- define "meetup.environment.gateway" -}}
GATEWAY_HOST: "0.0.0.0"
GATEWAY_PORT: "8080"
GATEWAY_FOLLOW: /etc/meetup/follow/follow.yaml
GATEWAY_STORE: /data/gateway.sqlite
GATEWAY_KEY_FILE: /etc/meetup/key/key
GATEWAY_CONTACT: {{ .Values.gateway.contact | quote }}
GATEWAY_CLIENT_KEY: {{ .Values.gateway.client.key | quote }}
GATEWAY_MEMBER_ID: {{ .Values.gateway.client.memberId | quote }}
GATEWAY_SIGNING_KEY_ID: {{ .Values.gateway.client.signingKeyId | quote }}
GATEWAY_SIGNING_KEY_FILE: /etc/meetup/client/signing-key
GATEWAY_MEMBERS: {{ .Values.gateway.members }}
{{- end }}

{{- define "meetup.environment.insight" -}}
{{- $feeds := include "meetup.insightFeeds" (list .) | fromYaml }}
INSIGHT_HOST: "0.0.0.0"
INSIGHT_PORT: "8080"
INSIGHT_OBJECTS: {{ printf "gs://%s" .Values.bucket | quote }}
INSIGHT_LABELS: {{ join "," $feeds.labels | quote }}
INSIGHT_DOCUMENTS: {{ include "meetup.insightDocuments" (list .) | quote }}
INSIGHT_WAREHOUSE: {{ default "duckdb:////data/insight.duckdb" .Values.insight.warehouse | quote }}
INSIGHT_PUBLISHED: /data/published
INSIGHT_FORGOTTEN: /data/forgotten
INSIGHT_HASH_KEY_FILE: /etc/meetup/hash-key/{{ .Values.insight.hashKey.key }}
{{- end }}

{{- define "meetup.environment.alert-webhook" -}}
{{- $values := .Values.alertWebhook }}
ALERT_WEBHOOK_HOST: "0.0.0.0"
ALERT_WEBHOOK_PORT: "8080"
ALERT_WEBHOOK_SLACK_URL_FILE: {{ with $values.slack.urlKey }}/etc/meetup/slack/{{ . }}{{ end }}
ALERT_WEBHOOK_SLACK_TOKEN_FILE: {{ with $values.slack.tokenKey }}/etc/meetup/slack/{{ . }}{{ end }}
ALERT_WEBHOOK_SLACK_CHANNEL: {{ $values.slack.channel | quote }}
ALERT_WEBHOOK_ROUTES: {{ if $values.routes }}/etc/meetup/routes/routes.yaml{{ end }}
ALERT_WEBHOOK_TOKEN_FILE: {{ if $values.alertmanager.existingSecret }}/etc/meetup/alertmanager/{{ $values.alertmanager.tokenKey }}{{ end }}
ALERT_WEBHOOK_OIDC_AUDIENCE: {{ $values.pubsub.audience | quote }}
ALERT_WEBHOOK_OIDC_EMAIL: {{ $values.pubsub.email | quote }}
ALERT_WEBHOOK_STATE: {{ default (include "meetup.firestore" (list .)) $values.state | quote }}
{{- end }}

{{- define "meetup.environment.feed-operator" -}}
{{- $streams := .Values.streams }}
{{- $own := printf "http://%s.%s.svc:8080" (include "meetup.name" (list . "enricher")) .Release.Namespace }}
FEED_OPERATOR_HOST: "0.0.0.0"
FEED_OPERATOR_PORT: "8080"
FEED_OPERATOR_NAMESPACE: {{ ternary "*" .Release.Namespace .Values.operator.allNamespaces | quote }}
FEED_OPERATOR_OPERATOR_NAMESPACE: {{ ternary .Release.Namespace "" .Values.operator.allNamespaces | quote }}
FEED_OPERATOR_IMAGE: {{ include "meetup.image" (list . "stream") | quote }}
FEED_OPERATOR_IMAGE_PULL_POLICY: {{ .Values.image.pullPolicy }}
FEED_OPERATOR_IMAGE_PULL_SECRETS: {{ join "," .Values.image.pullSecrets | quote }}
FEED_OPERATOR_BUCKET: {{ .Values.bucket | quote }}
FEED_OPERATOR_ALLOWED_URLS: {{ include "meetup.allowed" (list . "url" $streams.allowedUrls) }}
FEED_OPERATOR_ALLOWED_BUCKETS: {{ include "meetup.allowed" (list . "bucket" $streams.allowedBuckets) }}
FEED_OPERATOR_ENRICHER_URL: {{ default (ternary $own "" .Values.enricher.enabled) $streams.enricherUrl | quote }}
FEED_OPERATOR_ENRICHER_TOKEN_SECRET: {{ .Values.enricher.token.existingSecret | quote }}
FEED_OPERATOR_ENRICHER_TOKEN_KEY: {{ .Values.enricher.token.key | quote }}
FEED_OPERATOR_SERVICE_ACCOUNT: {{ ternary "" (include "meetup.serviceAccount" (list . "stream")) .Values.operator.allNamespaces | quote }}
FEED_OPERATOR_SERVICE_ACCOUNT_ANNOTATIONS: {{ toJson $streams.serviceAccount.annotations | quote }}
FEED_OPERATOR_NETWORK_POLICY: {{ .Values.networkPolicy.enabled | quote }}
FEED_OPERATOR_MONITORING_NAMESPACES: {{ include "meetup.monitoringNamespaces" (list .) | quote }}
FEED_OPERATOR_MONITOR: {{ get (dict "none" "none" "operator" "podmonitor" "managed" "podmonitoring") .Values.monitoring.prometheus }}
FEED_OPERATOR_MONITOR_INTERVAL_SECONDS: {{ .Values.monitoring.intervalSeconds | quote }}
FEED_OPERATOR_CPU_REQUEST: {{ $streams.resources.requests.cpu | quote }}
FEED_OPERATOR_MEMORY_REQUEST: {{ $streams.resources.requests.memory | quote }}
FEED_OPERATOR_MEMORY_LIMIT: {{ $streams.resources.limits.memory | quote }}
FEED_OPERATOR_GRACE_SECONDS: {{ $streams.terminationGracePeriodSeconds | quote }}
FEED_OPERATOR_PRIORITY_CLASS: {{ .Values.pods.priorityClassName | quote }}
FEED_OPERATOR_NODE_SELECTOR: {{ toJson .Values.pods.nodeSelector | quote }}
FEED_OPERATOR_TOLERATIONS: {{ toJson .Values.pods.tolerations | quote }}
FEED_OPERATOR_OBJECT_LABELS: {{ toJson .Values.commonLabels | quote }}
FEED_OPERATOR_POD_LABELS: {{ toJson (merge dict .Values.pods.labels .Values.commonLabels) | quote }}
FEED_OPERATOR_POD_ANNOTATIONS: {{ toJson .Values.pods.annotations | quote }}
FEED_OPERATOR_EXTRA_ENV: {{ toJson $streams.extraEnv | quote }}
{{- end }}

{{/*
Which feeds insight reads: one of each row of the feed table, in the chart's own bucket; a feed under its own name goes before
others of its row. As a map: labels has FEED=LABEL for those that lie elsewhere, unread the keys of the others.
*/}}
{{- define "meetup.insightFeeds" -}}
{{- $values := (first .).Values }}
{{- $chosen := dict }}
{{- range $own := list true false }}
{{- range $key, $feed := $values.feeds }}
{{- $kind := default ($key | replace "-" "_") $feed.feed }}
{{- $here := and (dig "enabled" true $feed) (not $feed.row) (eq (default $values.bucket $feed.bucket) $values.bucket) }}
{{- if and $here (not (hasKey $chosen $kind)) (or (not $own) (eq $kind ($key | replace "-" "_"))) }}
{{- $_ := set $chosen $kind $key }}
{{- end }}
{{- end }}
{{- end }}
{{- $labels := list }}
{{- range $kind, $key := $chosen }}
{{- $label := default $kind (get $values.feeds $key).label }}
{{- if ne $label $kind }}
{{- $labels = append $labels (printf "%s=%s" $kind $label) }}
{{- end }}
{{- end }}
{{- $unread := list }}
{{- range $key, $feed := $values.feeds }}
{{- if and (dig "enabled" true $feed) (not (has $key (values $chosen))) }}
{{- $unread = append $unread $key }}
{{- end }}
{{- end }}
{{- dict "labels" $labels "unread" $unread | toYaml }}
{{- end }}

{{/* Where insight finds profiles: its own value, else where the chart's enricher puts them; empty: nowhere. */}}
{{- define "meetup.insightDocuments" -}}
{{- with (first .).Values }}
{{- $enrichers := ternary (default (include "meetup.firestore" $) .enricher.documents) "" .enricher.enabled }}
{{- default $enrichers .insight.documents }}
{{- end }}
{{- end }}

{{/* What feeds may name, as JSON, from: root context, field of a feed, list. The chart's own feeds may name what they name. */}}
{{- define "meetup.allowed" -}}
{{- $allowed := last . }}
{{- range $feed := (first .).Values.feeds }}
{{- if dig "enabled" true $feed }}
{{- with get $feed (index $ 1) }}
{{- $allowed = append $allowed . }}
{{- end }}
{{- end }}
{{- end }}
{{- $allowed | uniq | toJson | quote }}
{{- end }}

{{/*
A container's env from: root context, service, prefix, the service's values. Its own map, the settings in camel case and
extraEnv become one map, in which no name can occur twice; an empty value is left out, since the services read it as not set.
*/}}
{{- define "meetup.env" -}}
{{- $values := last . }}
{{- $env := dict }}
{{- range $name, $value := $values.settings }}
{{- $_ := set $env (printf "%s%s" (index $ 2) (snakecase $name | upper)) $value }}
{{- end }}
{{- range $name, $value := $values.extraEnv }}
{{- $_ := set $env $name $value }}
{{- end }}
{{- range $name, $value := include (printf "meetup.environment.%s" (index . 1)) (first .) | fromYaml }}
{{- $_ := set $env $name $value }}
{{- end }}
{{- range $name, $value := $env }}
{{- if and (kindIs "map" $value) (hasKey $value "valueFrom") }}
- name: {{ $name }}
  valueFrom: {{- toYaml $value.valueFrom | nindent 4 }}
{{- else if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- name: {{ $name }}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end }}
{{- end }}
