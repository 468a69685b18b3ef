#!/bin/busybox sh
# The guest's first process. ttyS0 has the kernel's log, ttyS1 what the tests print.
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /busybox
# Real programs before busybox's.
export PATH=/usr/bin:/busybox HOME=/root RUST_BACKTRACE=0
stty -F /dev/ttyS1 raw
exec </dev/null >/dev/ttyS1 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
ip link set lo up
# More than the kernel's own limit, as a system's first process would allow.
ulimit -n 65536
/usr/bin/sh /plan
poweroff -f
