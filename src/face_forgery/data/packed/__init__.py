"""Sets that are packed into shards, unpacked once: Parquet tables and tar archives of images."""
