# Errors of the services, from Cloud Logging to a bucket and by Pub/Sub to the alert webhook. The same as log-export.sh and
# log-export.yaml; take one of the three.

variable "project" {
  type = string
}

variable "project_number" {
  type = string
}

variable "region" {
  type = string
}

variable "cluster" {
  type = string
}

variable "namespace" {
  type    = string
  default = "meetup"
}

variable "webhook" {
  type        = string
  description = "Where the alert webhook is reached from outside: https://alerts.example.com."
}

locals {
  agent  = "serviceAccount:service-${var.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  errors = "resource.type=\"k8s_container\" AND resource.labels.cluster_name=\"${var.cluster}\" AND resource.labels.namespace_name=\"${var.namespace}\" AND severity>=ERROR"
}

resource "google_storage_bucket" "logs" {
  project                     = var.project
  name                        = "${var.project}-meetup-logs"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 90
    }
  }
}

resource "google_pubsub_topic" "errors" {
  project = var.project
  name    = "meetup-log-errors"
}

resource "google_pubsub_topic" "dead" {
  project = var.project
  name    = "meetup-log-errors-dead"
}

resource "google_service_account" "push" {
  project      = var.project
  account_id   = "meetup-log-push"
  display_name = "Pub/Sub to the alert webhook"
}

resource "google_pubsub_subscription" "to_slack" {
  project                    = var.project
  name                       = "meetup-log-errors-to-slack"
  topic                      = google_pubsub_topic.errors.id
  ack_deadline_seconds       = 30
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = "${var.webhook}/v1/log-export"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = "${var.webhook}/v1/log-export"
    }
  }

  # The webhook answers 503 while Slack is away: 100 tries, at last ten minutes apart, are 16 hours.
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 100
  }

  expiration_policy {
    ttl = ""
  }
}

# A topic without a subscription keeps nothing.
resource "google_pubsub_subscription" "dead" {
  project                    = var.project
  name                       = "meetup-log-errors-dead"
  topic                      = google_pubsub_topic.dead.id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_logging_project_sink" "to_storage" {
  project                = var.project
  name                   = "meetup-errors-to-storage"
  destination            = "storage.googleapis.com/${google_storage_bucket.logs.name}"
  filter                 = local.errors
  unique_writer_identity = true
}

resource "google_logging_project_sink" "to_slack" {
  project     = var.project
  name        = "meetup-errors-to-slack"
  destination = "pubsub.googleapis.com/${google_pubsub_topic.errors.id}"
  # The webhook's own errors would come back to it, and each one that it cannot send would make another.
  filter                 = "${local.errors} AND NOT resource.labels.container_name=\"alert-webhook\""
  unique_writer_identity = true
}

resource "google_storage_bucket_iam_member" "sink" {
  bucket = google_storage_bucket.logs.name
  role   = "roles/storage.objectCreator"
  member = google_logging_project_sink.to_storage.writer_identity
}

resource "google_pubsub_topic_iam_member" "sink" {
  project = var.project
  topic   = google_pubsub_topic.errors.id
  role    = "roles/pubsub.publisher"
  member  = google_logging_project_sink.to_slack.writer_identity
}

# Pub/Sub's agent moves dead letters, and signs the pushes as the account.
resource "google_pubsub_topic_iam_member" "agent" {
  project = var.project
  topic   = google_pubsub_topic.dead.id
  role    = "roles/pubsub.publisher"
  member  = local.agent
}

resource "google_pubsub_subscription_iam_member" "agent" {
  project      = var.project
  subscription = google_pubsub_subscription.to_slack.id
  role         = "roles/pubsub.subscriber"
  member       = local.agent
}

resource "google_service_account_iam_member" "agent" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.agent
}
