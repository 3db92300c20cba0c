"""An nginx on loopback that gives and takes files: what the machine can do anyway."""

import os
import socket
from pathlib import Path

from tools.rig.process import Process
from tools.rig.service import Service

CONFIGURATION = """
daemon off;
{user}
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  sendfile on;
  client_max_body_size 0;
  client_body_temp_path {folder}/temporary;
  proxy_temp_path {folder}/unused;
  fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  server {{
    listen 127.0.0.1:{port};
    root {files};
    dav_methods PUT;
  }}
}}
"""


class Nginx(Service):
    """GET and PUT of what lies in `files`."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def _prepare(self) -> Process:
        self.files.mkdir(exist_ok=True)
        config = self.folder / "nginx.conf"
        config.write_text(
            CONFIGURATION.format(
                user="user root;" if os.geteuid() == 0 else "",
                folder=self.folder,
                files=self.files,
                port=self.port,
            )
        )
        log = self.folder / "nginx.log"
        # It says so before it has read where its errors go.
        command = ["nginx", "-e", "stderr", "-p", str(self.folder), "-c", str(config)]
        return Process("nginx", command, log=log)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
