#!/usr/bin/env bash
# A Slurm of one node on this machine, for the tests: `slurm.sh start FOLDER CPUS`, `slurm.sh stop FOLDER`.
# It needs root and the packages slurmctld, slurmd, slurm-client and munge. Its clients are told of it by
# SLURM_CONF=FOLDER/slurm.conf.
set -euo pipefail
command=$1 folder=$2

start() {
  local host cpus=$1 controller daemon
  host=$(hostname -s)
  controller=$(free_port) daemon=$(free_port)
  mkdir -p "$folder"/{state,spool}
  dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 status=none
  chmod 400 "$folder/munge.key"
  chmod 755 "$folder"
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
  cat > "$folder/slurm.conf" <<CONF
ClusterName=dip
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller
SlurmdPort=$daemon
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CryptoType=crypto/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_min_interval=100000,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
KillWait=5
MinJobAge=60
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
  export SLURM_CONF="$folder/slurm.conf"
  slurmctld
  slurmd -N "$host" 2> /dev/null || slurmd
  for _ in $(seq 100); do
    if sinfo --noheader --format=%t 2> /dev/null | grep -q idle; then return; fi
    sleep 0.1
  done
  cat "$folder"/*.log >&2
  return 1
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

stop() {
  local name
  for name in slurmd slurmctld munged; do
    if [[ -f $folder/$name.pid ]]; then kill "$(cat "$folder/$name.pid")" || true; fi
  done
}

case $command in
  start) start "$3" ;;
  stop) stop ;;
esac
