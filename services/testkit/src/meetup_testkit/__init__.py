"""What tests need beside the services: processes, proxies, emulators, and pytest plugins that hand them out."""
