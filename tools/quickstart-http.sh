# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# `quickstart --http`: listeners and routes with real clients, curl, h2load and gRPC. Sourced by `quickstart`, whose LAB,
# RUN, EDGE, VIP and functions it uses.
# shellcheck disable=SC2153

H2_REQUESTS=20000
GRPC_PORT=50051

# ---- What is read from the tools' output -----------------------------------------------------------------------------

# Those of the edge's processes that are workers, in rising order.
workers() { ip netns pids "$LAB-edge1" | while read -r pid; do is_worker "$pid" && echo "$pid"; done | sort -n; }

# A process may be gone meanwhile.
is_worker() { [[ -r /proc/$1/cmdline ]] && tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -q ' worker '; }

# by_client ARGUMENT...: the answer of a curl on the client: 'web1 2' is the backend's name and HTTP's version.
by_client() {
    lab exec client curl -sS --max-time 20 --cacert "$EDGE/site.pem" --resolve "example.org:443:$VIP" \
        --resolve "example.org:8443:$VIP" -w '%{http_version}' "$@" | paste -sd ' '
}

# ---- The steps -------------------------------------------------------------------------------------------------------

# http_service NAME PORT BACKEND-PORT PROBE WEB...
http_service() {
    local web
    cat <<YAML
  - name: $1
    vip: { address: $VIP, port: $2, protocol: tcp }
    forward: sockets
    health: $4
    backends:
      static:
YAML
    for web in "${@:5}"; do echo "        - { name: web$web, address: 10.3.0.$((20 + web)), port: $3 }"; done
}

configure_http() {
    mkdir -p "$EDGE"
    (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -subj /CN=example.org -addext subjectAltName=DNS:example.org -keyout "$EDGE/site.key" -out "$EDGE/site.pem" \
        2>"$EDGE/openssl.log") || fail "no certificate could be made; see $EDGE/openssl.log"
    cat >"$EDGE/sluiced.yaml" <<YAML
host: edge-1
interfaces: [eth0]
datapath: { bpf-root: $PINS }
directories: { state: $EDGE/state, cache: $EDGE/cache, run: $EDGE/run, bpf: $ROOT/bpf }
workers: { count: 2 }
services: services.yaml
admin: { group: root, metrics: 127.0.0.1:9464 }
YAML
    {
        echo 'defaults: { health: { interval: 1s, timeout: 1s, rise: 1, fall: 3 } }'
        echo 'services:'
        http_service web 8080 80 '{ http: { path: /healthz } }' 1 2
        http_service api 8081 80 '{ http: { path: /healthz } }' 3
        http_service echo 8082 "$GRPC_PORT" '{ tcp: {} }' 1 2 3
        cat <<YAML
listeners:
  - { name: front, address: $VIP, port: 80 }
  - name: secure
    address: $VIP
    port: 443
    tls: { certificates: [ { cert: $EDGE/site.pem, key: $EDGE/site.key } ] }
  - { name: mixed, address: $VIP, port: 8443, protocol: sniff, raw: api }
routes:
  - { match: { host: api.example.org }, service: api }
  - { match: { path: /100MB, method: GET }, service: api }
  - { match: { path: /lab.Echo/ }, service: echo, upstream: http2 }
  - { service: web }
YAML
    } >"$EDGE/services.yaml"
}

grpc_servers() {
    local web
    for web in web1 web2 web3; do
        lab start "$web" "grpc-$web" "$TOOLS/lab-grpc" serve "$web" "$GRPC_PORT" "$RUN/$web/grpc.ready"
    done
    for web in web1 web2 web3; do
        await 30 test -s "$RUN/$web/grpc.ready" || die "the gRPC server of $web did not start; see $RUN/grpc-$web.log"
    done
}

# The workers take connections, and the first backend of each service is seen.
http_ready() {
    [[ $(by_client "http://$VIP/") == web[12]* && $(by_client "http://$VIP/100MB" -r 0-0 -o /dev/null) == 1.1 ]]
}

listeners() {
    step_begin 4/7 sluiced
    configure_http
    lab exec edge1 ip address add "$VIP/32" dev lo
    start_daemon
    await 30 http_ready || fail "no request is answered within 30 s: $(by_client "http://$VIP/" 2>&1)"
    step_end "front $VIP:80, secure :443 by TLS, mixed :8443 sniffs · 4 routes · $(workers | wc -l) workers"
}

# wanted TEXT PATTERN ARGUMENT...: a request whose answer must be like that; adds to SHOWN.
wanted() {
    local text=$1 pattern=$2 answer
    shift 2
    answer=$(by_client "$@" 2>&1) || true  # what it says instead is in it
    # shellcheck disable=SC2053  # a pattern
    [[ $answer == $pattern ]] || fail "$text: '$answer' was answered, not '$pattern'"
    SHOWN+=("$(printf '%-34s %s by HTTP/%s' "$text" "${answer%% *}" "${answer##* }")")
}

curls() {
    local load succeeded
    SHOWN=()
    step_begin 5/7 requests
    step_note "curl ..."
    wanted 'HTTP/1.1' 'web[12] 1.1' "http://$VIP/"
    wanted 'HTTP/2 with prior knowledge' 'web[12] 2' --http2-prior-knowledge "http://$VIP/"
    wanted 'host api.example.org' 'web3 1.1' -H 'Host: api.example.org' "http://$VIP/"
    wanted 'TLS, HTTP/2 by ALPN' 'web[12] 2' https://example.org/
    wanted 'sniffed: HTTP/2' 'web[12] 2' --http2-prior-knowledge "http://$VIP:8443/"
    step_note "h2load, $H2_REQUESTS requests ..."
    load=$(lab exec client h2load -n "$H2_REQUESTS" -c 16 -m 32 "http://$VIP/")
    succeeded=$(grep -o '[0-9]* succeeded' <<<"$load")
    [[ $succeeded == "$H2_REQUESTS succeeded" ]] || fail "h2load: $(grep '^requests:' <<<"$load")"
    step_note "100 MB download ..."
    step_end "curl, ${#SHOWN[@]} ways · h2load, $succeeded · 100 MB download, $(download)"
    printf '%s\n' "${SHOWN[@]}" | indented
}

grpc_calls() {
    local result
    step_begin 6/7 gRPC
    result=$(lab exec client "$TOOLS/lab-grpc" call "$VIP:80" 50) || true  # failures are counted in it
    [[ $(jq .failed <<<"$result") == 0 ]] || fail "calls failed: $(jq -c .reasons <<<"$result")"
    step_end "$(jq .calls <<<"$result") calls of $(jq '.kinds | length' <<<"$result") kinds, 0 failed; by backend $(
        jq -c .backends <<<"$result")"
}

http_under_traffic() {
    local stream before fresh drained killed
    step_begin 7/7 'while traffic runs'
    lab start client stream "$TOOLS/lab-traffic" requests "$VIP" --concurrency 8 --pause 0.01
    step_note "web2 drains ..."
    drain_web2
    fresh=$(traffic requests "$VIP" --count 500) || fail "while web2 drains: $(jq -c .reasons <<<"$fresh")"
    step_note "sluiced is killed ..."
    before=$(workers)
    lab stop sluiced KILL
    sleep 2  # of traffic without a daemon
    start_daemon
    [[ $(workers) == "$before" ]] || fail "the workers are others after the daemon's start"
    sleep 1  # of traffic after its start
    stream=$(result_of stream)
    drained="web2 drained: $(jq '.backends.web2 // 0' <<<"$fresh") new"
    killed="sluiced killed: $(jq .failed <<<"$stream") of $(jq .requests <<<"$stream") requests failed"
    step_end "$drained · $killed · restarted: adopted $(wc -l <<<"$before") workers"
    ctl listener list | indented
    [[ $(jq '.backends.web2 // 0' <<<"$fresh") == 0 ]] || fail "web2 got new requests while it drained"
    [[ $(jq .failed <<<"$stream") == 0 ]] || fail "requests failed: $(jq -c .reasons <<<"$stream")"
}

show_http() {
    need h2load
    step_begin 3/7 lab
    lab up >/dev/null
    touch "$OURS"
    grpc_servers
    step_end "client, router, edge1, web1, web2, web3, each web with nginx and a gRPC server"
    listeners
    curls
    grpc_calls
    http_under_traffic
}

http_farewell() {
    local name=''
    ((KEEP)) || {
        echo "All requests were answered. \`tools/quickstart --http --keep\` leaves this running."
        return
    }
    [[ $LAB == sluice-lab ]] || name=" --name $LAB"
    cat <<TEXT
All requests were answered. The lab is still up; try
  tools/lab$name exec edge1 sluicectl listener list
  tools/lab$name exec client curl --http2-prior-knowledge http://$VIP/
  tools/lab$name exec client h2load -n 10000 -c 16 -m 32 http://$VIP/
  tools/lab$name exec edge1 sluicectl backend enable web web2
  tools/lab$name down
TEXT
}
