#!/usr/bin/env bash
# Errors of the services, from Cloud Logging to a bucket and by Pub/Sub to the alert webhook. The same as log-export.tf and
# log-export.yaml; take one of the three. To be run again after a change: what exists is updated, not made anew.
#
#   PROJECT=my-project PROJECT_NUMBER=123456789012 REGION=europe-west1 CLUSTER=main \
#     WEBHOOK=https://alerts.example.com ./log-export.sh [--dry-run]
#
# --dry-run prints what a first run would do and calls nothing.
set -euo pipefail

: "${PROJECT:?}" "${PROJECT_NUMBER:?}" "${REGION:?}" "${CLUSTER:?}" "${WEBHOOK:?}" "${NAMESPACE:=meetup}"
case "${1-}" in
  "") dry_run=false ;;
  --dry-run) dry_run=true ;;
  *) echo "usage: ${0##*/} [--dry-run]" >&2; exit 2 ;;
esac
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

bucket="gs://$PROJECT-meetup-logs"
agent="serviceAccount:service-$PROJECT_NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com"
push_account="meetup-log-push@$PROJECT.iam.gserviceaccount.com"
errors="resource.type=\"k8s_container\" AND resource.labels.cluster_name=\"$CLUSTER\" AND resource.labels.namespace_name=\"$NAMESPACE\" AND severity>=ERROR"
# The webhook's own errors would come back to it, and each one that it cannot send would make another.
errors_of_others="$errors AND NOT resource.labels.container_name=\"alert-webhook\""

run() {
  if $dry_run; then
    printf 'gcloud'; printf ' %q' "$@"; printf '\n'
  else
    gcloud "$@"
  fi
}

# exists GROUP... NAME: whether it can be described
exists() {
  ! $dry_run && gcloud "${@:1:$#-1}" describe "${@: -1}" --project="$PROJECT" >/dev/null 2>&1
}

topic() {
  exists pubsub topics "$1" || run pubsub topics create "$1" --project="$PROJECT"
}

# subscription NAME TOPIC FLAG...: a subscription keeps its topic for life
subscription() {
  if exists pubsub subscriptions "$1"; then
    run pubsub subscriptions update "$1" --project="$PROJECT" "${@:3}"
  else
    run pubsub subscriptions create "$1" --project="$PROJECT" --topic="$2" "${@:3}"
  fi
}

# sink NAME DESTINATION FILTER
sink() {
  local verb=create
  if exists logging sinks "$1"; then verb=update; fi
  run logging sinks "$verb" "$1" "$2" --project="$PROJECT" --log-filter="$3"
}

# writer NAME: who a sink writes as
writer() {
  if $dry_run; then
    echo "WRITER-OF-$1"
  else
    gcloud logging sinks describe "$1" --project="$PROJECT" --format='value(writerIdentity)'
  fi
}

if ! exists storage buckets "$bucket"; then
  run storage buckets create "$bucket" --project="$PROJECT" --location="$REGION" \
    --uniform-bucket-level-access --public-access-prevention
fi
run storage buckets update "$bucket" --project="$PROJECT" --lifecycle-file="$here/log-export-lifecycle.json"

topic meetup-log-errors
topic meetup-log-errors-dead
if ! exists iam service-accounts "$push_account"; then
  run iam service-accounts create meetup-log-push --project="$PROJECT" --display-name="Pub/Sub to the alert webhook"
fi

# The webhook answers 503 while Slack is away: 100 tries, at last ten minutes apart, are 16 hours.
subscription meetup-log-errors-to-slack meetup-log-errors \
  --push-endpoint="$WEBHOOK/v1/log-export" --push-auth-service-account="$push_account" \
  --push-auth-token-audience="$WEBHOOK/v1/log-export" --ack-deadline=30 \
  --min-retry-delay=10s --max-retry-delay=600s --message-retention-duration=7d --expiration-period=never \
  --dead-letter-topic=meetup-log-errors-dead --max-delivery-attempts=100
# A topic without a subscription keeps nothing.
subscription meetup-log-errors-dead meetup-log-errors-dead \
  --ack-deadline=60 --message-retention-duration=7d --expiration-period=never

sink meetup-errors-to-storage "storage.googleapis.com/${bucket#gs://}" "$errors"
sink meetup-errors-to-slack "pubsub.googleapis.com/projects/$PROJECT/topics/meetup-log-errors" "$errors_of_others"

grant() { run "${@:1:$#-2}" --project="$PROJECT" --member="${*: -2:1}" --role="${*: -1}"; }
storage_writer=$(writer meetup-errors-to-storage)
slack_writer=$(writer meetup-errors-to-slack)
run storage buckets add-iam-policy-binding "$bucket" --member="$storage_writer" --role=roles/storage.objectCreator
grant pubsub topics add-iam-policy-binding meetup-log-errors "$slack_writer" roles/pubsub.publisher
# Pub/Sub's agent moves dead letters, and signs the pushes as the account.
grant pubsub topics add-iam-policy-binding meetup-log-errors-dead "$agent" roles/pubsub.publisher
grant pubsub subscriptions add-iam-policy-binding meetup-log-errors-to-slack "$agent" roles/pubsub.subscriber
grant iam service-accounts add-iam-policy-binding "$push_account" "$agent" roles/iam.serviceAccountTokenCreator
