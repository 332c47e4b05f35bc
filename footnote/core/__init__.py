"""The ground: settings, types, errors, catalog, blobs and telemetry. It knows no room above it, and no HTTP."""
