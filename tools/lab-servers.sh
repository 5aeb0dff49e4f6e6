# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The real servers that a fleet of edges needs, on the router, where each edge reaches them. Sourced by `lab`, whose RUN
# and PREFIX it reads. What a server stored stays until the lab is taken down: started again, it goes on from there.
# shellcheck disable=SC2153

SERVERS=10.2.0.254
SENTINELS=(26379 26380 26381)
MEMBERS=(2379 2381 2383)  # of a cluster of etcd: its clients' ports; each one's peers are at the next

# serve KIND: starts the server and waits until it answers.
serve() {
    mkdir -p "$RUN/$1"
    case $1 in
        etcd) serve_etcd ;;
        etcd3) serve_etcd3 ;;
        consul) serve_consul ;;
        consul3) serve_consul3 ;;
        redis) serve_redis redis 6379 ;;
        sentinel) serve_sentinel ;;
        *) die "serve $1: etcd, etcd3, consul, consul3, redis or sentinel is needed" 2 ;;
    esac
}

# background WORD COMMAND...: on the router, noted so that `stop` and `down` find it.
background() {
    local word=$1
    shift
    ! alive "$RUN/$word.pid" || die "$word is running already; end it by  tools/lab stop $word"
    started "$RUN/$word" nsenter --net="/run/netns/$PREFIX-router" "$@"
}

# answers WORD CONDITION...: of a server that was just started.
answers() {
    local word=$1
    shift
    await 60 "$@" || die "$word does not answer within 60 s: $(tail -n 1 "$RUN/$word.log")"
}

serve_etcd() {
    local url=http://$SERVERS:2379
    need etcd
    background etcd etcd --data-dir "$RUN/etcd" --listen-client-urls "$url" --advertise-client-urls "$url" \
        --log-level warn
    answers etcd within router curl -sf -m 2 -o "$RUN/etcd.health" "$url/health"
}

# Three members that elect their leader; those that are there already go on.
serve_etcd3() {
    local port peers
    need etcd
    peers=$(for port in "${MEMBERS[@]}"; do printf 'm%d=http://%s:%d,' "$port" "$SERVERS" $((port + 1)); done)
    for port in "${MEMBERS[@]}"; do
        alive "$RUN/etcd-$port.pid" || serve_etcd_member "$port" "${peers%,}"
    done
    for port in "${MEMBERS[@]}"; do
        answers "etcd-$port" within router curl -sf -m 2 -o "$RUN/etcd.health" "http://$SERVERS:$port/health"
    done
}

serve_etcd_member() {
    local url=http://$SERVERS:$1 peer=http://$SERVERS:$(($1 + 1))
    background "etcd-$1" etcd --name "m$1" --data-dir "$RUN/etcd3/$1" --initial-cluster "$2" \
        --listen-client-urls "$url" --advertise-client-urls "$url" \
        --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --log-level warn
}

serve_consul() {
    need consul
    cat >"$RUN/consul.json" <<JSON
{ "server": true, "bootstrap_expect": 1, "node_name": "lab", "bind_addr": "$SERVERS", "client_addr": "$SERVERS",
  "data_dir": "$RUN/consul", "disable_update_check": true, "session_ttl_min": "1s",
  "performance": { "raft_multiplier": 1 }, "ports": { "dns": -1, "serf_wan": -1, "grpc": -1 } }
JSON
    background consul consul agent -config-file "$RUN/consul.json"
    answers consul consul_leads
}

# Three servers that elect their leader, at 8500, 8510 and 8520; those that are there already go on.
serve_consul3() {
    local shift
    need consul
    for shift in 0 10 20; do
        alive "$RUN/consul-$((8500 + shift)).pid" || serve_consul_member "$shift"
    done
    for shift in 0 10 20; do
        answers "consul-$((8500 + shift))" consul_leads $((8500 + shift))
    done
}

serve_consul_member() {
    local word=consul-$((8500 + $1))
    cat >"$RUN/$word.json" <<JSON
{ "server": true, "bootstrap_expect": 3, "node_name": "$word", "bind_addr": "$SERVERS", "client_addr": "$SERVERS",
  "data_dir": "$RUN/consul3/$1", "disable_update_check": true, "performance": { "raft_multiplier": 1 },
  "retry_join": ["$SERVERS:8301", "$SERVERS:8311", "$SERVERS:8321"], "retry_interval": "1s",
  "ports": { "http": $((8500 + $1)), "server": $((8300 + $1)), "serf_lan": $((8301 + $1)),
             "dns": -1, "serf_wan": -1, "grpc": -1 } }
JSON
    background "$word" consul agent -config-file "$RUN/$word.json"
}

# consul_leads [PORT]: the agent's own node has to be in the catalog too: only then are services registered.
consul_leads() {
    within router curl -sf -m 2 "http://$SERVERS:${1:-8500}/v1/catalog/nodes" | jq -e 'length > 0' >/dev/null
}

# serve_redis WORD PORT [OPTION...]
serve_redis() {
    local word=$1 port=$2
    shift 2
    need redis-server
    mkdir -p "$RUN/$word"
    background "$word" redis-server --bind "$SERVERS" --port "$port" --dir "$RUN/$word" --save '' --appendonly yes \
        --appendfsync always --protected-mode no "$@"
    answers "$word" redis_answers "$port"
}

redis_answers() { [[ $(within router redis-cli -h "$SERVERS" -p "$1" ping 2>/dev/null) == PONG ]]; }

redis_copies() { within router redis-cli -h "$SERVERS" -p "$1" info replication | grep -q master_link_status:up; }

# A Redis, one that copies it, and three that watch both; they know it as `fleet`.
serve_sentinel() {
    local port
    serve_redis redis 6379 --repl-diskless-sync-delay 0
    serve_redis redis2 6380 --replicaof "$SERVERS 6379"
    answers redis2 redis_copies 6380
    for port in "${SENTINELS[@]}"; do
        cat >"$RUN/sentinel/$port.conf" <<CONF
bind $SERVERS
port $port
dir $RUN/sentinel
protected-mode no
sentinel monitor fleet $SERVERS 6379 2
sentinel down-after-milliseconds fleet 1000
sentinel failover-timeout fleet 5000
CONF
        background "sentinel-$port" redis-server "$RUN/sentinel/$port.conf" --sentinel
    done
    for port in "${SENTINELS[@]}"; do answers "sentinel-$port" sentinel_knows_all "$port"; done
}

sentinel_knows_all() {
    local row
    row=$(within router redis-cli -h "$SERVERS" -p "$1" sentinel master fleet 2>/dev/null | paste - - | tr '\t' '=')
    [[ $row == *$'\n'num-slaves=1$'\n'* && $row == *$'\n'num-other-sentinels=2$'\n'* ]]
}

# consul METHOD PATH [BODY]
consul_request() {
    within router curl -sSf -m 10 -X "$1" -d "${3:-}" "http://$SERVERS:8500/v1/$2" >/dev/null ||
        die "Consul refused $1 $2; see $RUN/consul.log"
}

# register [WEB...]: as instances of the service `web`.
register() {
    local web
    for web in "$@"; do
        node_exists "$web"
        consul_request PUT agent/service/register \
            "{\"ID\": \"$web\", \"Name\": \"web\", \"Address\": \"10.3.0.$((20 + ${web#web}))\", \"Port\": 80}"
    done
}

deregister() {
    local web
    for web in "$@"; do consul_request PUT "agent/service/deregister/$web"; done
}
