"""What every part of the benchmark uses: processes, servers, load, peers and the report."""
