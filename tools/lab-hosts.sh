# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the lab consists of: namespaces, links, addresses, routes and servers. Sourced by `lab`, whose PREFIX, RUN, BULK,
# PINS, EDGES, BACKENDS, FABRIC and FABRIC_MTU it reads.
# shellcheck disable=SC2153
#
#   network   IPv4             IPv6              MAC                 members
#   client    198.51.100.0/24  2001:db8:1::/64   02:00:00:00:01:xx   client .7, router .254
#   front     10.2.0.0/24      2001:db8:2::/64   02:00:00:00:02:xx   edge1 .11 .., router .254
#   back      10.3.0.0/24      2001:db8:3::/64   02:00:00:00:03:xx   web1 .21 .., router .254; unless routed, edge1 .11

VIPS4=10.9.9.0/24
VIPS6=2001:db8:9::/64
VIP4=10.9.9.9
VIP6=2001:db8:9::9
SOURCES=(172.16.0.0/16 100::/64)  # of the edges' tunnels

edges() { seq -f 'edge%.0f' "$EDGES"; }
webs() { seq -f 'web%.0f' "$BACKENDS"; }
nodes() { echo client; echo router; edges; webs; }

# One process a namespace, not one a link.
batch() { ip -n "$PREFIX-$1" -batch -; }
within() { local node=$1; shift; nsenter --net="/run/netns/$PREFIX-$node" "$@"; }

# cable NODE INTERFACE MAC MTU BRIDGE: a link from the node to a bridge, as commands for the fabric.
cable() {
    local port=$1-$2
    echo "link add $port mtu $4 type veth peer name $2 mtu $4 address $3 netns $PREFIX-$1"
    echo "link set $port master $5 up"
}

build_hosts() {
    local node
    for node in fabric $(nodes); do
        ip netns add "$PREFIX-$node"
        settings "$node" | xargs nsenter --net="/run/netns/$PREFIX-$node" sysctl -qw
    done
    cables | batch fabric
    client_and_router
    for node in $(edges) $(webs); do addresses "$node" | batch "$node"; done
    # shellcheck disable=SC2046  # a list
    route $(edges)
    for node in fabric $(nodes); do no_offloads "$node"; done
}

# Before the interfaces exist, so that they inherit them.
settings() {
    local scope
    for scope in all default; do
        echo "net.ipv4.conf.$scope.rp_filter=0 net.ipv4.conf.$scope.accept_redirects=0"
        echo "net.ipv4.conf.$scope.send_redirects=0 net.ipv4.conf.$scope.arp_ignore=1"
        echo "net.ipv4.conf.$scope.arp_announce=2 net.ipv6.conf.$scope.disable_ipv6=0"
        echo "net.ipv6.conf.$scope.accept_dad=0 net.ipv6.conf.$scope.accept_ra=0"
    done
    case $1 in
        client) echo 'net.ipv4.ip_local_port_range=1024 65535' | sed 's/ /\\ /' ;;
        router)
            echo 'net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0'
            echo 'net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1'
            ;;
        web*) echo 'net.core.somaxconn=8192 net.ipv4.tcp_max_syn_backlog=8192' ;;
    esac
}

cables() {
    local number node bridge=back
    [[ $FABRIC != flat ]] || bridge=front
    echo "link set lo up"
    echo "link add front mtu $FABRIC_MTU type bridge mcast_snooping 0"
    echo "link add back mtu $FABRIC_MTU type bridge mcast_snooping 0"
    echo "link set front up"
    echo "link set back up"
    cable router front 02:00:00:00:02:fe "$FABRIC_MTU" front
    cable router back 02:00:00:00:03:fe "$FABRIC_MTU" "$bridge"
    for ((number = 1; number <= EDGES; number++)); do
        node=edge$number
        cable "$node" eth0 "$(printf '02:00:00:00:02:%02d' "$number")" "$FABRIC_MTU" front
        [[ $FABRIC != two-armed ]] ||
            cable "$node" eth1 "$(printf '02:00:00:00:03:e%d' "$number")" "$FABRIC_MTU" back
    done
    for ((number = 1; number <= BACKENDS; number++)); do
        cable "web$number" eth0 "$(printf '02:00:00:00:03:%02d' "$number")" "$FABRIC_MTU" "$bridge"
    done
}

client_and_router() {
    batch client <<EOF
link add eth0 address 02:00:00:00:01:07 type veth peer name client address 02:00:00:00:01:fe netns $PREFIX-router
link set lo up
addr add 198.51.100.7/24 dev eth0
addr add 2001:db8:1::7/64 dev eth0
link set eth0 up
EOF
    batch router <<EOF
link set lo up
addr add 198.51.100.254/24 dev client
addr add 2001:db8:1::fe/64 dev client
addr add 10.2.0.254/24 dev front
addr add 2001:db8:2::fe/64 dev front
addr add 10.3.0.254/24 dev back
addr add 2001:db8:3::fe/64 dev back
link set client up
link set front up
link set back up
EOF
    batch client <<EOF
route add default via 198.51.100.254
route add default via 2001:db8:1::fe
EOF
}

# Its addresses, default route by the router, and the VIPs on a web server.
addresses() {
    local number=${1//[a-z]/}
    echo "link set lo up"
    case $1 in
        edge*)
            echo "link set eth0 up"
            echo "addr add 10.2.0.$((10 + number))/24 dev eth0"
            echo "addr add 2001:db8:2::$((10 + number))/64 dev eth0"
            [[ $FABRIC == routed ]] || edge_on_back "$number"
            echo "route add default via 10.2.0.254"
            echo "route add default via 2001:db8:2::fe"
            ;;
        web*)
            echo "link set eth0 up"
            echo "addr add 10.3.0.$((20 + number))/24 dev eth0"
            echo "addr add 2001:db8:3::$((20 + number))/64 dev eth0"
            echo "route add default via 10.3.0.254"
            echo "route add default via 2001:db8:3::fe"
            echo "addr add $VIP4/32 dev lo"
            echo "addr add $VIP6/128 dev lo"
            # Tests need no more than a service to have another VIP.
            echo "route add local $VIPS4 dev lo"
            echo "route add local $VIPS6 dev lo"
            ;;
    esac
}

edge_on_back() {
    local interface=eth0
    [[ $FABRIC != two-armed ]] || interface=eth1
    echo "link set $interface up"
    echo "addr add 10.3.0.$((10 + $1))/24 dev $interface"
    echo "addr add 2001:db8:3::$((10 + $1))/64 dev $interface"
}

route() {
    local edge number hops4='' hops6=''
    for edge in "$@"; do
        [[ $edge == edge* && -e /run/netns/$PREFIX-$edge ]] || die "$PREFIX has no edge called $edge"
        number=${edge#edge}
        hops4+=" nexthop via 10.2.0.$((10 + number))"
        hops6+=" nexthop via 2001:db8:2::$((10 + number))"
    done
    batch router <<EOF
route replace $VIPS4$hops4
route replace $VIPS6$hops6
EOF
}

# With them, small requests look fine while bulk TCP arrives with checksums that nobody filled in.
no_offloads() {
    local interfaces
    # In brief, else it asks each namespace of this machine for its name, and complains of those that it cannot enter.
    interfaces=$(ip -n "$PREFIX-$1" -br link show type veth | sed 's/[@ ].*//')
    # shellcheck disable=SC2016,SC2086  # expanded by the inner shell; a list
    within "$1" bash -euc 'for interface; do ethtool -K "$interface" tx off tso off gso off gro off >/dev/null; done' \
        offloads $interfaces
}

start_servers() {
    local web number
    mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
    mkdir -p "$PINS"
    pass_towards_edges
    compile_bpf "$ROOT/bpf/decap.bpf.c" "$RUN/decap.bpf.o"
    bulk_file
    for web in $(webs); do
        decapsulate "$web"
        web_server "$web"
        udp_echo "$web"
    done
    for web in $(webs); do
        await 30 test -s "$RUN/$web/nginx.pid" || server_failed nginx "$web"
        await 30 test -s "$RUN/$web/echo.ready" || server_failed echo "$web"
    done
}

# What an edge transmits by XDP reaches only a veth end that has an XDP program itself.
pass_towards_edges() {
    local edge interface
    compile_bpf "$ROOT/bpf/pass.bpf.c" "$RUN/pass.bpf.o"
    bpftool prog load "$RUN/pass.bpf.o" "$PINS/pass" type xdp
    for edge in $(edges); do
        for interface in eth0 eth1; do
            [[ $interface == eth0 || $FABRIC == two-armed ]] || continue
            within fabric bpftool net attach xdpdrv pinned "$PINS/pass" dev "$edge-$interface"
        done
    done
}

# So that a web server takes IPIP and GUE apart: this kernel may have no tunnel devices.
decapsulate() {
    local pins=$PINS/$1 source
    mkdir -p "$pins"
    bpftool prog load "$RUN/decap.bpf.o" "$pins/decap" type xdp pinmaps "$pins"
    for source in "${SOURCES[@]}"; do
        # shellcheck disable=SC2046  # bytes
        bpftool map update pinned "$pins/decap_sources" key $(prefix_key "$source") value 1 0 0 0
    done
    within "$1" bpftool net attach xdpdrv pinned "$pins/decap" dev eth0
}

# prefix_key PREFIX: the bytes of struct prefix_key, an IPv4 prefix v4-mapped.
prefix_key() {
    /usr/bin/python3 - "$1" <<'EOF'
import ipaddress, sys
prefix = ipaddress.ip_network(sys.argv[1])
address, bits = prefix.network_address.packed, prefix.prefixlen
if prefix.version == 4:
    address, bits = bytes(10) + b"\xff\xff" + address, bits + 96
print(*(bits.to_bytes(4, sys.byteorder) + address))
EOF
}

# 100 MB that do not compress and are the same each time. On the disk: /run may be small.
bulk_file() {
    openssl enc -aes-128-ctr -nosalt -K 736c75696365 -iv 0 -in /dev/zero 2>/dev/null |  # hides 'Broken pipe' alone
        head -c 100000000 >"$BULK/100MB" || [[ $(stat -c %s "$BULK/100MB") == 100000000 ]]
}

web_server() {
    local home=$RUN/$1
    mkdir -p "$home" "$BULK/$1"
    echo "$1" >"$home/healthz"
    cat >"$home/nginx.conf" <<EOF
daemon off;
user root;
pid $home/nginx.pid;
worker_processes 1;
worker_rlimit_nofile 65536;
error_log $home/error.log warn;
events { worker_connections 16384; }
http {
    access_log off;
    default_type text/plain;
    keepalive_timeout 1h;
    keepalive_requests 1000000;
    client_max_body_size 0;
    client_body_temp_path $BULK/$1/body;
    add_header X-Backend $1;
    server {
        listen 0.0.0.0:80 backlog=8192 reuseport;
        listen [::]:80 ipv6only=on backlog=8192 reuseport;
        location = / { return 200 "$1\n"; }
        location = /healthz { root $home; }
        location = /100MB { root $BULK; }
        location = /slow { alias $BULK/100MB; limit_rate 64k; }
        location /upload/ { root $BULK/$1; dav_methods PUT; create_full_put_path on; }
    }
    server {
        # Told by the PROXY protocol who the client is: it hears that again.
        listen 0.0.0.0:8081 proxy_protocol;
        location = / { return 200 "\$proxy_protocol_addr\n"; }
    }
}
EOF
    started "$RUN/nginx-$1" nsenter --net="/run/netns/$PREFIX-$1" \
        nginx -e "$home/error.log" -p "$home" -c "$home/nginx.conf"
}

udp_echo() {
    started "$RUN/echo-$1" nsenter --net="/run/netns/$PREFIX-$1" "$TOOLS/lab-echo" "$1" 53 "$RUN/$1/echo.ready"
}

server_failed() {
    die "$1 of $2 did not start: $(tail -q -n 1 "$RUN/$1-$2.log" "$RUN/$2/error.log")"
}
