#!/bin/bash
# An OCI runtime that says "started" only when the container has ended, as any may on a
# machine that is busy. For tests of what becomes known of such a container.
[[ " $* " == *" start "* ]] || exec runc "$@"
runc "$@" || exit
while state=$(runc "${@/%start/state}") && [[ $state != *'"status": "stopped"'* ]]; do :; done
