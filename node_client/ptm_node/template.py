"""The configuration that `ptm-node init` writes. Also the examples in error messages.

Lines that begin with `#` and no blank are settings, left at their default value.
"""

import re
import tomllib
from typing import Any

TEMPLATE = """\
# A node of PyTaskManager. It reads this file when it starts; an unknown key or a wrong
# type stops it. Paths are relative to this file.

[server]
url = "https://ptm.example.org"
# The certificates to trust, if your network has its own. HTTPS_PROXY is honoured.
#ca_bundle = "/etc/ssl/certs/ca-certificates.crt"
# auto: a WebSocket, and long polling where a proxy does not let it through.
# websocket | polling: only that.
#channel = "auto"

[node]
name = "our node"
#key_file = "node.key"
# Journal, spooled results, logs and the folders of active runs.
#state = "state"
# Another OCI runtime that Docker knows, such as gVisor's.
#oci_runtime = "runsc"
# Collaborations to serve with tasks that need no database.
#collaborations = []

# Sign-in to a registry, if it asks for one; the file with the password is chmod 600.
#[registry]
#"registry.example.org" = { username = "node", password_file = "registry.password" }

# A database: its label, and the collaborations (by number) to which it is released.
# Types: csv, parquet, excel, folder, other, sql, direct. Where a container may not read
# a file as it lies there, it is given a private copy, which stays in the state folder.
#[databases.default]
#type = "csv"
#uri = "/data/patients.csv"
#collaborations = [1]
# What a collaboration (by number) calls it instead; rules go by your own label.
#aliases = { 1 = "registry" }
#[databases.workbook]
#type = "excel"
#uri = "/data/patients.xlsx"
# The sheet that algorithms are to read. They see the others too.
#sheet = "Patients"
#collaborations = [1]
# Containers see no database server: the node extracts your query before a run, and the
# container reads the file. This needs `pip install 'ptm-node[sql]'`.
#[databases.warehouse]
#type = "sql"
# The file (chmod 600) holds a SQLAlchemy URL like postgresql://ptm:PASSWORD@db/warehouse.
# Instead, `uri` is a URL without a password.
#uri_file = "warehouse.url"
#query = "SELECT age, stage FROM patients"
# parquet, csv or sqlite (one table, called data).
#format = "parquet"
# For how long an extract is good.
#refresh = "1d"
# What one extract may take and give.
#time = "10m"
#max_rows = 10000000
#max_size = "2g"
# Whether a task may bring its own query, which is run instead, and may not write.
#researcher_queries = false
#collaborations = [1]
# A server that containers speak to themselves: through the node, with this address and
# no other. Only a rule with `direct = true` allows it; gVisor cannot have it.
#[databases.live]
#type = "direct"
#host = "db.example.org"
#port = 5432
#collaborations = [1]

[policy]
# Images that may run here, by the name without digest; * stands for anything.
# None by default.
#images = ["registry.example.org/ptm/*"]
# Who says yes to each run: never nobody, always somebody (`ptm-node approve`), or
# new-digest: somebody once for each version of an image.
#approval = "never"
# How long a yes to a version is remembered.
#approval_lasts = "365d"
# auto: results leave at once; review: somebody looks first (`ptm-node release`).
#release = "auto"
# How many people have to say yes, 1 or 2.
#approvers = 1
# Algorithms leave out groups that are smaller than this, and a result in JSON that
# shows a smaller count all the same is withheld.
#min_count = 10
# What counts are called in results.
#count_names = ["n", "count"]
# Whether to withhold what cannot be looked through: no JSON, or more than 8 MiB.
#only_checked = false
# Minimum and maximum are values of single patients.
#share_extremes = false
# Whether the log of a container is sent to the server.
#share_log = false
# Whether researchers are told why a task was refused, by which of your rules.
#share_reasons = true
# Whether the server is told your rules, so that researchers hear beforehand what you
# would say of a task. They hold all the same if not.
#share_rules = true
# Whether names and types of columns are announced to the collaborations that a database
# is released to, so that a task for a column which you do not have is refused before
# anything runs. A name can say something of patients, and in a table without a header
# the first patient stands where the names should be.
#share_columns = false

# Hours of the day, in local time, in which nothing new begins.
#quiet_hours = ["22:00-06:30"]

# Rules say more than the list of images. They are read from the top, and the first that
# fits a task decides; a task that fits none is refused. A rule fits if everything that
# it says fits; what it does not say may be anything. Organizations and users are those
# who sent the task: here the node has to trust the server.
#[[policy.rules]]
#action = "refuse"
#name = "nothing by students"
#users = ["student"]
#[[policy.rules]]
#action = "run"
#name = "summaries for our partners"
#collaborations = [1]
#databases = ["default"]
#images = ["registry.example.org/ptm/summary"]
#functions = ["summary"]
#organizations = [2, 3]
# On its own terms, where they are other than the general ones:
#approval = "new-digest"
#release = "review"
#approvers = 2
# Whether the task may have databases of type direct.
#direct = false
#limits = { memory = "4g", time = "2h" }

# What you mean the rules to say: run, ask (for an approval) or refuse.
# `ptm-node policy test` tells where they say something else.
#[[policy.examples]]
#expect = "run"
#image = "registry.example.org/ptm/summary"
#function = "summary"
#collaboration = 1
#databases = ["default"]
#organization = 2
#user = "ada"

# What one run may use.
[limits]
#cpus = 1.0
#memory = "2g"
#pids = 128
#output = "100m"
#log = "1m"
#tmp = "256m"
#time = "1h"
#stop_grace = "10s"
# How many may run at the same time.
#concurrent_runs = 2
# How much of the disk images may keep; `ptm-node gc` removes the unused beyond it.
#image_cache = "20g"
"""


def examples() -> dict[str, Any]:
    """The template with every setting switched on."""
    return tomllib.loads(re.sub(r"(?m)^#(?! )", "", TEMPLATE))
