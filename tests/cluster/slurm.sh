#!/usr/bin/env bash
# A Slurm cluster of one node, with accounting, for tests: all that it writes lies in one folder.
#
#   tests/cluster/slurm.sh start FOLDER   start it, or what of it is not running; wait until the node is idle
#   tests/cluster/slurm.sh crash FOLDER   end the node's daemon and all its jobs at once, as a power cut does, and wait until the
#                                         controller has noticed (about 15 s); `start` brings the node back
#   tests/cluster/slurm.sh stop FOLDER    end all of it; nothing happens where nothing runs. FOLDER is left, with its logs
#
# Run as root on Debian 12 with: apt-get install -y --no-install-recommends slurm-wlm munge slurmdbd mariadb-server
# Then `export SLURM_CONF=FOLDER/slurm.conf`, and sbatch, squeue, sacct and `rna-bench sweep NAME launcher=slurm` use it.
# Its ports (SLURM_TEST_PORT and the three above it, 26817 by default) and sockets are its own: a Slurm of the machine is not touched.
# Accounting (slurmdbd, which needs a database) is what tells submitit that a job was cancelled.
# The node has two GPUs in name only (character devices that are no GPUs), so that their assignment can be seen.
set -euo pipefail

ACTION=${1:?start, crash or stop} FOLDER=$(realpath -m "${2:?a folder}")
PORT=${SLURM_TEST_PORT:-26817}
export SLURM_CONF=$FOLDER/slurm.conf MYSQL_UNIX_PORT=$FOLDER/mysql.sock

alive() { [ -f "$FOLDER/$1.pid" ] && kill -0 "$(cat "$FOLDER/$1.pid" 2>/dev/null)" 2>/dev/null; }

await() { # WHAT COMMAND...: until the command succeeds, 40 s at most
  local what=$1 try
  shift
  for try in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  echo "$what does not answer; see the logs in $FOLDER" >&2
  exit 1
}

configure() {
  mkdir -p "$FOLDER"/{log,state,spool,db}
  [ -f "$FOLDER/munge.key" ] || head -c 1024 /dev/urandom >"$FOLDER/munge.key"
  chmod 600 "$FOLDER/munge.key"
  local auth="AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge.sock,cred_expire=5"
  cat >"$FOLDER/slurmdbd.conf" <<END
$auth
DbdHost=localhost
DbdPort=$((PORT + 2))
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
LogFile=$FOLDER/log/slurmdbd.log
PidFile=$FOLDER/slurmdbd.pid
END
  chmod 600 "$FOLDER/slurmdbd.conf"
  local gpu
  for gpu in 0 1; do [ -c "$FOLDER/gpu$gpu" ] || mknod "$FOLDER/gpu$gpu" c 1 3; done # Slurm numbers GPUs by the ends of their names
  printf 'Name=gpu File=%s\n' "$FOLDER/gpu0" "$FOLDER/gpu1" >"$FOLDER/gres.conf"
  cat >"$FOLDER/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$PORT
SlurmdPort=$((PORT + 1))
$auth
SlurmUser=root
CredType=cred/munge
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
SlurmctldLogFile=$FOLDER/log/slurmctld.log
SlurmdLogFile=$FOLDER/log/slurmd.log
# No cgroups: a container has none to give.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePass=$FOLDER/munge.sock
AccountingStoragePort=$((PORT + 2))
# Tests shall not wait: a node that does not answer is down after 5 s, and comes back when it does; a job that is requeued
# waits as long as its old credential lives (cred_expire).
SlurmdTimeout=5
ReturnToService=2
KillWait=5
SchedulerParameters=sched_interval=2,bf_interval=2
JobRequeue=1
GresTypes=gpu
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc --all) Boards=1 SocketsPerBoard=1 CoresPerSocket=$(nproc --all) ThreadsPerCore=1 \
RealMemory=4000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
}

start() {
  configure
  alive munged || munged --force --key-file="$FOLDER/munge.key" --socket="$FOLDER/munge.sock" --pid-file="$FOLDER/munged.pid" \
    --log-file="$FOLDER/log/munged.log" --seed-file="$FOLDER/munge.seed"
  if ! alive mariadbd; then
    [ -d "$FOLDER/db/mysql" ] || mariadb-install-db --no-defaults --datadir="$FOLDER/db" --user=root --skip-test-db \
      --auth-root-authentication-method=normal >"$FOLDER/log/mariadb-install.log" 2>&1
    setsid mariadbd --no-defaults --datadir="$FOLDER/db" --user=root --skip-networking --socket="$MYSQL_UNIX_PORT" \
      --pid-file="$FOLDER/mariadbd.pid" >"$FOLDER/log/mariadbd.log" 2>&1 </dev/null &
  fi
  await mariadbd mariadb-admin --no-defaults --socket="$MYSQL_UNIX_PORT" ping
  # slurmdbd looks for its configuration beside slurm.conf.
  alive slurmdbd || slurmdbd
  await slurmdbd sacctmgr --immediate --noheader list cluster
  if ! alive slurmctld; then
    sacctmgr --immediate --quiet add cluster test >/dev/null || true # there already
    slurmctld
  fi
  alive slurmd || slurmd -N "$(hostname -s)"
  await slurmctld scontrol ping
  await "the node" sh -c 'sinfo --noheader --format=%T | grep -qE "^(idle|mixed|allocated)$"'
  echo "export SLURM_CONF=$SLURM_CONF"
}

crash() {
  end_node
  await "the node's end" sh -c 'sinfo --noheader --format=%T | grep -q down'
}

end_node() { # its daemon and all its jobs: a job's supervisor has this cluster's configuration in its environment
  local stepd
  alive slurmd && kill -KILL "$(cat "$FOLDER/slurmd.pid")"
  for stepd in $(pgrep -x slurmstepd || true); do
    ! grep -qz "^SLURM_CONF=$SLURM_CONF$" "/proc/$stepd/environ" 2>/dev/null || kill_tree "$stepd"
  done
  rm -f "$FOLDER/slurmd.pid"
}

kill_tree() {
  local child
  kill -STOP "$1" 2>/dev/null || true # so that it starts nothing while its children end
  for child in $(pgrep -P "$1" || true); do kill_tree "$child"; done
  kill -KILL "$1" 2>/dev/null || true
}

stop() {
  end_node
  local daemon pid
  for daemon in slurmctld slurmdbd mariadbd munged; do
    alive "$daemon" || continue
    pid=$(cat "$FOLDER/$daemon.pid")
    kill "$pid"
    for _ in $(seq 50); do [ -f "$FOLDER/$daemon.pid" ] && kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$FOLDER/$daemon.pid"
  done
}

case $ACTION in
  start | crash | stop) "$ACTION" ;;
  *) echo "say start, crash or stop, not $ACTION" >&2; exit 2 ;;
esac
