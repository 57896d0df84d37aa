"""Every measurement, by the name it is asked for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bench.measurement import Measurement
from bench.measurements.alerts import alerts
from bench.measurements.batch import batch
from bench.measurements.claims import claims
from bench.measurements.cloud_storage import cloud_storage
from bench.measurements.enricher import enricher
from bench.measurements.files import files
from bench.measurements.images import images
from bench.measurements.insight import insight
from bench.measurements.insight_build import insight_build
from bench.measurements.insight_predictions import insight_predictions
from bench.measurements.lag import lag
from bench.measurements.living_memory import living_memory
from bench.measurements.living_source import living_source
from bench.measurements.local_reading import local_reading
from bench.measurements.memory import memory
from bench.measurements.operator import operator
from bench.measurements.queue import queue
from bench.measurements.reading_back import reading_back
from bench.measurements.slow_clients import slow_clients
from bench.measurements.start import start

MEASUREMENTS: Final[Mapping[str, Measurement]] = MappingProxyType(
    {
        "files": files,
        "memory": memory,
        "start": start,
        "images": images,
        "lag": lag,
        "living_source": living_source,
        "living_memory": living_memory,
        "enricher": enricher,
        "queue": queue,
        "cloud_storage": cloud_storage,
        "batch": batch,
        "reading_back": reading_back,
        "local_reading": local_reading,
        "alerts": alerts,
        "claims": claims,
        "slow_clients": slow_clients,
        "operator": operator,
        "insight": insight,
        "insight_predictions": insight_predictions,
        "insight_build": insight_build,
    }
)
