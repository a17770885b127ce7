#!/bin/bash
# Runs an experiment on several nodes of a SLURM cluster. An example to adapt; it was checked by bash -n, never run.
#
#     sbatch --nodes=4 scripts/slurm.sh horovod +experiment=digits distribution=horovod
#     sbatch --nodes=4 scripts/slurm.sh parameter_server +experiment=digits \
#         +distribution@stages.baseline.distribution=parameter_server
#
# horovod: one rank a node, started by horovodrun, which needs ssh between the nodes without a password.
# parameter_server: the chief is this script's own process on the first node; besides, each node runs one process, the
# first SERVERS nodes (1 unless set) a parameter server, the others a worker. PORT (29500 unless set) and the one after it
# must be free, and open between the nodes, as must be the ports of tf.data's service, which the chief picks.
# The same python must be found on all nodes; Horovod's ranks also need FRUGAL_STORE in a folder that all nodes see.
#SBATCH --job-name=frugal
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00

set -euo pipefail

mode=${1:?horovod or parameter_server}
shift
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")

case $mode in
horovod)
    slots=$(printf '%s:1,' "${nodes[@]}")
    exec horovodrun -np "${#nodes[@]}" -H "${slots%,}" python -m pipeline "$@"
    ;;
parameter_server)
    servers=${SERVERS:-1} port=${PORT:-29500}
    if ((${#nodes[@]} <= servers)); then
        echo "error: ${#nodes[@]} nodes for $servers servers and no worker; accepted: more nodes than servers" >&2
        exit 2
    fi
    addresses() { printf '"%s"\n' "${@/%/:$((port + 1))}" | paste -sd, -; }
    ps=$(addresses "${nodes[@]:0:servers}") workers=$(addresses "${nodes[@]:servers}")
    export SERVERS=$servers CLUSTER="{\"chief\": [\"${nodes[0]}:$port\"], \"ps\": [$ps], \"worker\": [$workers]}"
    # In the order of the list, whatever order SLURM starts its tasks in.
    nodelist=$(IFS=, && echo "${nodes[*]}")
    srun --nodelist="$nodelist" --distribution=block --kill-on-bad-exit=0 bash -c '
        if ((SLURM_PROCID < SERVERS)); then type=ps index=$SLURM_PROCID
        else type=worker index=$((SLURM_PROCID - SERVERS)); fi
        export TF_CONFIG="{\"cluster\": $CLUSTER, \"task\": {\"type\": \"$type\", \"index\": $index}}"
        exec python -m pipeline' &
    others=$!
    code=0
    TF_CONFIG="{\"cluster\": $CLUSTER, \"task\": {\"type\": \"chief\", \"index\": 0}}" python -m pipeline "$@" || code=$?
    # A run that found everything in the store was never seen by the servers, so they would wait for it.
    kill "$others" 2>/dev/null || true
    wait "$others" || true
    exit "$code"
    ;;
*)
    echo "error: $mode; accepted: horovod, parameter_server" >&2
    exit 2
    ;;
esac
