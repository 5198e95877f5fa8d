"""The HTTP API: who may call, what answers look like, which run is started. Facts and figures live in ppm_pipelines."""
