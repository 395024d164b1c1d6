"""A cluster of two nodes on this machine, a and b, of one core each, on loopback. Prints its address; a line on
standard input takes node b away, the end of it the whole. The argument is a folder for its files, of a short name."""

from __future__ import annotations

import os
import sys

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_TMPDIR": sys.argv[1]}

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 << 20}

if __name__ == "__main__":
    os.makedirs(f"{sys.argv[1]}/ray")
    cluster = Cluster()
    cluster.add_node(node_name="a", **NODE)
    second = cluster.add_node(node_name="b", **NODE)
    print(cluster.address, flush=True)
    if sys.stdin.readline():
        cluster.remove_node(second, allow_graceful=False)
        print("b is gone", flush=True)
        sys.stdin.readline()
    cluster.shutdown()
