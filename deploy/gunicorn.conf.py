"""How the server runs: `gunicorn -c deploy/gunicorn.conf.py ptm_site.asgi:application`.

One process serves pages, API and sockets. With DATABASE_URL and REDIS_URL set, several
may run, on several hosts, behind one proxy that ends TLS.
"""

import os
import resource

bind = os.environ.get("PTM_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("PTM_WORKERS", "1"))
worker_class = "ptm_site.process.Worker"
# Longer than a proxy keeps its connections: it must be the one to close them.
keepalive = 75
# What is being answered may finish; idle connections and sockets end at once.
graceful_timeout = 10
timeout = 90
accesslog = None
control_socket_disable = True

# Each node has a socket and a connection: a thousand need more files than the usual
# limit of 1,024 allows, which any process may raise as far as the machine lets it.
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))
