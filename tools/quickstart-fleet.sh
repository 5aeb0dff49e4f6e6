# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# `quickstart --fleet`: three edges that follow Consul and an elected leader. Sourced by `quickstart`, whose LAB, RUN,
# VIP and functions it uses.
# shellcheck disable=SC2153

EDGES=(edge1 edge2 edge3)
CURRENT_KEY=c2x1aWNlL3NsdWljZS9jdXJyZW50  # 'sluice/sluice/current', as etcd's gateway spells it

# ---- What is read from the daemons -----------------------------------------------------------------------------------

# status EDGE FILTER: what the daemon says of itself; nothing where it does not answer.
status() {
    curl -sf -m 2 --unix-socket "$RUN/$1/run/sluiced.sock" http://localhost/v1/status | jq -r "$2"
}

leads() { [[ $(status "$1" .leading) == true ]]; }

# find_leader EDGE: sets LEADER, to another edge than that.
find_leader() {
    local edge
    for edge in "${EDGES[@]}"; do
        if [[ $edge != "$1" ]] && leads "$edge"; then
            LEADER=$edge
            return 0
        fi
    done
    return 1
}

# have WEB... -- EDGE...: the edges give new flows to these backends and to no others.
have() {
    local webs=() edge wanted found
    while [[ $1 != -- ]]; do webs+=("lab/$1"); shift; done
    shift
    wanted=${webs[*]}
    for edge in "$@"; do
        [[ $(status "$edge" .generation.number) =~ ^[0-9]+$ ]] || return 1
        found=$(lab exec "$edge" "$PRODUCTS/sluicectl" backend list web -o json |
            jq -r '[.[] | select(.slots > 0) | .backend] | sort | join(" ")')
        [[ $found == "$wanted" ]] || return 1
    done
}

# One generation, applied and verified, on these edges; sets GENERATION.
agree() {
    local edge all=() one
    for edge in "$@"; do
        one=$(status "$edge" 'select(.pending == null).generation | "\(.epoch).\(.number) \(.digest) \(.fleet_digest)"')
        [[ -n $one ]] || return 1
        all+=("$one")
    done
    [[ $(printf '%s\n' "${all[@]}" | sort -u | wc -l) == 1 ]] || return 1
    GENERATION=${all[0]%% *}
}

agreed() {
    local edge
    await 30 agree "$@" || fail_fleet "the edges have not one generation within 30 s"
    for edge in "$@"; do
        lab exec "$edge" "$PRODUCTS/sluicectl" map verify >/dev/null || fail_fleet "the maps of $edge do not verify"
    done
}

# now, since BEGIN: '0.31 s'
now() { echo "${EPOCHREALTIME//[.,]/}"; }
since() { awk -v us=$(($(now) - $1)) 'BEGIN { printf "%.2f s", us / 1e6 }'; }

fail_fleet() {
    local edge
    for edge in "${EDGES[@]}"; do
        if [[ -s $RUN/sluiced-$edge.log ]]; then
            echo "the last lines of $edge:" >&2
            tail -n 4 "$RUN/sluiced-$edge.log" | indented >&2
        fi
    done
    fail "$1"
}

# ---- The steps -------------------------------------------------------------------------------------------------------

# Each edge has a small proxy between it and etcd, which can hold a publication back in the middle.
configure_edge() {
    local folder=$RUN/$1
    mkdir -p "$folder"
    cat >"$folder/sluiced.yaml" <<YAML
host: $1
interfaces: [eth0]
datapath: { source-prefix: 172.16.0.0/16, source-prefix6: "0100::/64", bpf-root: /sys/fs/bpf/$LAB/$1 }
directories: { state: $folder/state, cache: $RUN/cache, run: $folder/run, bpf: $ROOT/bpf }
coordination: { store: etcd, address: "http://127.0.0.1:2379", lease: 3s }
discovery: { consul: { address: "http://10.2.0.254:8500", quiet: 50ms } }
admin: { group: root, metrics: 127.0.0.1:9464 }
YAML
    lab start "$1" "proxy-$1" "$TOOLS/lab-proxy" 2379 10.2.0.254 2379 --hold "$folder/hold" "$CURRENT_KEY" equestPut
    await 10 grep -q listening "$RUN/proxy-$1.log" || fail "the proxy of $1 does not listen"
}

start_edge() { lab start "$1" "sluiced-$1" "$PRODUCTS/sluiced" --config "$RUN/$1/sluiced.yaml"; }

fleet() {
    local edge
    step_begin 4/7 fleet
    for edge in "${EDGES[@]}"; do configure_edge "$edge"; done
    lab exec edge1 "$PRODUCTS/sluicectl" store restore --new >/dev/null
    for edge in "${EDGES[@]}"; do start_edge "$edge"; done
    cat >"$RUN/services.yaml" <<YAML
defaults: { drain: 2s, flow-idle: 2s, health: { interval: 500ms, timeout: 500ms, rise: 1, fall: 3 } }
services:
  - name: web
    vip: { address: $VIP, port: 80, protocol: tcp }
    forward: ipip
    health: { http: { path: /healthz } }
    backends: { consul: { service: web } }
YAML
    lab register web1 web2
    await 30 find_leader '' || fail_fleet "nobody leads within 30 s"
    lab exec edge1 "$PRODUCTS/sluicectl" apply "$RUN/services.yaml" >/dev/null
    await 60 have web1 web2 -- "${EDGES[@]}" || fail_fleet "web1 and web2 are not on all edges within 60 s"
    agreed "${EDGES[@]}"
    step_end "$LEADER leads · web $VIP:80/tcp, 2 backends from Consul · generation $GENERATION on 3 edges, maps verified"
    lab start client stream "$TOOLS/lab-traffic" requests "$VIP" --concurrency 4 --pause 0.01
    STREAM=$(now)
}

discovery() {
    local begin text
    step_begin 5/7 Consul
    step_note "web3 is registered ..."
    begin=$(now)
    lab register web3
    await 30 have web1 web2 web3 -- "${EDGES[@]}" || fail_fleet "web3 is not on all edges within 30 s"
    text="web3 registered: on 3 edges after $(since "$begin")"
    step_note "$text · web1 is deregistered ..."
    begin=$(now)
    lab deregister web1
    await 30 have web2 web3 -- "${EDGES[@]}" || fail_fleet "web1 is still on an edge after 30 s"
    step_end "$text · web1 deregistered: after $(since "$begin")"
}

leader_killed() {
    local begin killed text rest
    step_begin 6/7 'leader killed'
    await 30 find_leader '' || fail_fleet "nobody leads within 30 s"
    killed=$LEADER
    begin=$(now)
    lab stop "sluiced-$killed" KILL
    await 30 find_leader "$killed" || fail_fleet "nobody leads 30 s after $killed was killed"
    text="$killed killed, $LEADER leads after $(since "$begin") (lease 3 s)"
    step_note "$text ..."
    rest=()
    for edge in "${EDGES[@]}"; do [[ $edge == "$killed" ]] || rest+=("$edge"); done
    lab register web1
    await 30 have web1 web2 web3 -- "${rest[@]}" || fail_fleet "the new leader does not follow Consul"
    start_edge "$killed"
    await 60 have web1 web2 web3 -- "${EDGES[@]}" || fail_fleet "$killed does not follow within 60 s"
    agreed "${EDGES[@]}"
    step_end "$text · $killed started again, generation $GENERATION on 3 edges"
}

stale_leader() {
    local stale process answer
    step_begin 7/7 'stale leader'
    find_leader '' || fail_fleet "nobody leads"
    stale=$LEADER
    read -r process _ <"$RUN/sluiced-$stale.pid"
    touch "$RUN/$stale/hold"
    lab deregister web3
    await 30 grep -q held "$RUN/proxy-$stale.log" || fail_fleet "$stale publishes nothing"
    kill -STOP "$process"
    step_note "$stale sleeps in the middle of a publication ..."
    await 30 find_leader "$stale" || { kill -CONT "$process"; fail_fleet "nobody leads while $stale sleeps"; }
    rm "$RUN/$stale/hold"
    await 30 grep -q answered "$RUN/proxy-$stale.log" || { kill -CONT "$process"; fail_fleet "etcd does not answer"; }
    answer=$(grep answered "$RUN/proxy-$stale.log")
    kill -CONT "$process"
    [[ $answer != *'"succeeded":true'* ]] || fail_fleet "etcd took what a stale leader sent"
    await 30 have web1 web2 -- "${EDGES[@]}" || fail_fleet "web3 is still on an edge after 30 s"
    agreed "${EDGES[@]}"
    await 10 refused "$stale" || fail_fleet "$stale does not count that it was refused"
    step_end "$stale slept in a publication, $LEADER leads · woken: refused by etcd · generation $GENERATION on 3 edges"
}

refused() { (($(status "$1" .fenced) > 0)); }

fleet_traffic() {
    local stream seconds=$((($(now) - STREAM) / 1000000))
    stream=$(result_of stream)
    [[ $(jq .failed <<<"$stream") == 0 ]] || fail_fleet "requests failed: $(jq -c .reasons <<<"$stream")"
    printf '%s requests in %s s of traffic all the while, 0 failed; by backend %s\n' \
        "$(jq .requests <<<"$stream")" "$seconds" "$(jq -c .backends <<<"$stream")"
}

show_fleet() {
    need etcd consul
    step_begin 3/7 lab
    lab --edges 3 up >/dev/null
    touch "$OURS"
    lab serve etcd
    lab serve consul
    step_end "client, router with etcd and Consul, ${EDGES[*]}, web1 web2 web3"
    fleet
    discovery
    leader_killed
    stale_leader
    fleet_traffic
}

fleet_farewell() {
    local name=''
    ((KEEP)) || {
        echo "All requests were answered. \`tools/quickstart --fleet --keep\` leaves this running."
        return
    }
    [[ $LAB == sluice-lab ]] || name=" --name $LAB"
    cat <<TEXT
All requests were answered. The fleet is still up; try
  tools/lab$name exec edge1 sluicectl host list
  tools/lab$name register web3
  tools/lab$name exec edge2 sluicectl backend list web
  tools/lab$name exec edge1 sluicectl plan $RUN/services.yaml
  tools/lab$name down
TEXT
}
