#!/bin/sh
# Boots a machine of its own out of a root tree: sh machine-boot.sh TREE WORK
# WORK gets: root/ (the machine's files; TREE stays as it is), init.pid (as this machine counts), and goes on to exist
# until its owner removes it. Ends when that machine has powered off. For root; touches nothing outside of WORK.
set -eu
tree=$1
work=$2

if [ "${3:-}" != private ]; then
  # Mounts of ours are nobody else's, and go when this ends.
  exec unshare --mount --propagation private sh "$0" "$tree" "$work" private
fi

mkdir -p "$work/upper" "$work/overlay" "$work/root" "$work/cgroup"
mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/overlay" overlay "$work/root"

# A cgroup to be the root of the machine's own.
mount -t cgroup2 cgroup2 "$work/cgroup"
cgroup=$work/cgroup/tidegate-machine-$$
mkdir "$cgroup"
(
  sh -c 'echo $PPID' > "$cgroup/cgroup.procs"

  # A user namespace with the same numbers: its root is this machine's root for files, and has no power over anything else.
  unshare --user sleep infinity &
  holder=$!
  trap 'kill $holder' EXIT
  while [ "$(readlink /proc/$holder/ns/user)" = "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done
  echo '0 0 65536' > /proc/$holder/uid_map
  echo '0 0 65536' > /proc/$holder/gid_map
  nsenter --user=/proc/$holder/ns/user \
    unshare --mount --propagation private --pid --cgroup --uts --ipc --net --fork --kill-child \
    sh "${0%/*}/machine-init.sh" "$work" &
  machine=$!
  # The child of unshare is the machine's process 1.
  while kill -0 $machine 2> /dev/null; do
    init=$(cat /proc/$machine/task/$machine/children 2> /dev/null) || init=''
    [ -z "$init" ] || break
    sleep 0.01
  done
  echo "${init%% *}" > "$work/init.part"
  mv "$work/init.part" "$work/init.pid"
  wait $machine || true
)
# What had been started in it is gone with its process 1.
find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null || true
