# The cluster that captures are recorded in, to be sourced: six network namespaces of its own, joined
# by veth pairs, kube-proxy's rules on the node in the middle, pods that serve. Needs root, a Linux
# kernel with network namespaces, veth and iptables NAT, and the tools named below; it removes what it
# made when the script ends, however it ends, and touches nothing else.
#
#   outside (192.168.0.50..)                                           pods    (clients, 10.244.1.16/28)
#                            \                                        / vethclient
#                             lan (bridge) -- eth0  node (worker-1) --
#                            /                      kube-proxy's rules \ vethserver
#   worker-2 (10.244.2.0/24)                                           servers (10.244.1.32/28)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
examples=$(dirname "$here")
prefix=waxdp-$$
scratch=
jobs_started=()

fail() {
  echo "$(basename "$0"): $1" >&2
  exit 2
}

demand_tools() {
  [ "$(id -u)" = 0 ] || fail "network namespaces need root; run it with sudo"
  local tool
  for tool in ip iptables-restore ip6tables-restore ethtool tcpdump curl node timeout; do
    command -v "$tool" >/dev/null ||
      fail "$tool is missing (Debian: iproute2 iptables ethtool tcpdump curl nodejs)"
  done
}

inside() {
  local namespace=$1
  shift
  ip netns exec "$prefix-$namespace" "$@"
}

# Runs a program in a namespace until the recording ends, a minute at most.
start() {
  local namespace=$1
  shift
  ip netns exec "$prefix-$namespace" timeout 60 "$@" &
  jobs_started+=($!)
}

stop_all() {
  [ ${#jobs_started[@]} = 0 ] && return
  kill -TERM "${jobs_started[@]}" 2>/dev/null || true
  wait "${jobs_started[@]}" 2>/dev/null || true
  jobs_started=()
}

remove_lab() {
  stop_all
  local namespace
  for namespace in lan node worker-2 outside pods servers; do
    ip netns delete "$prefix-$namespace" 2>/dev/null || true
  done
}

clean_up() {
  remove_lab
  [ -z "$scratch" ] || rm -rf "$scratch"
}

make_namespace() {
  ip netns add "$prefix-$1"
  inside "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
    net.ipv6.conf.default.accept_ra=0 \
    net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.default.accept_redirects=0 \
    net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.default.accept_redirects=0
  inside "$1" ip link set lo up
}

# A cable between two namespaces. Offloads are off: frames are as large as on a wire, and their
# checksums are right.
connect() {
  local left=$1 left_device=$2 left_mac=$3 right=$4 right_device=$5 right_mac=$6
  ip link add name "$left_device" netns "$prefix-$left" address "$left_mac" type veth \
    peer name "$right_device" netns "$prefix-$right" address "$right_mac"
  set_up "$left" "$left_device"
  set_up "$right" "$right_device"
}

set_up() {
  inside "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null
  inside "$1" ip link set "$2" up
}

give_addresses() {
  local namespace=$1 device=$2 address
  shift 2
  for address in "$@"; do
    if [[ $address == *:* ]]; then
      inside "$namespace" ip addr add "$address" dev "$device" nodad
    else
      inside "$namespace" ip addr add "$address" dev "$device"
    fi
  done
}

route_by() {
  inside "$1" ip route add default via "$2"
  inside "$1" ip route add default via "$3"
}

make_lan() {
  local namespace
  for namespace in lan node worker-2 outside pods servers; do make_namespace "$namespace"; done
  inside lan ip link add br0 type bridge
  inside lan ip link set br0 up
  connect node eth0 02:00:00:00:00:02 lan node 02:00:00:00:01:02
  connect worker-2 eth0 02:00:00:00:00:03 lan worker-2 02:00:00:00:01:03
  connect outside eth0 02:00:00:00:00:50 lan outside 02:00:00:00:01:50
  for namespace in node worker-2 outside; do inside lan ip link set "$namespace" master br0; done
}

make_node() {
  inside node sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
    net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 \
    net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 \
    net.ipv4.conf.eth0.send_redirects=0
  connect node vethclient 02:00:00:00:02:01 pods eth0 02:00:00:00:02:11
  connect node vethserver 02:00:00:00:03:01 servers eth0 02:00:00:00:03:11
  give_addresses node eth0 192.168.0.2/24 2001:db8::2/64
  give_addresses node vethclient 10.244.1.1/32 fd00:10:1::1/128
  give_addresses node vethserver 10.244.1.1/32 fd00:10:1::1/128
  inside node ip route add 10.244.1.16/28 dev vethclient
  inside node ip route add 10.244.1.32/28 dev vethserver
  inside node ip route add fd00:10:1::10/124 dev vethclient
  inside node ip route add fd00:10:1::20/123 dev vethserver
  inside node ip route add 10.244.2.0/24 via 192.168.0.3
  inside node ip route add fd00:10:2::/64 via 2001:db8::3
  route_by node 192.168.0.50 2001:db8::50
}

make_pods() {
  local namespace
  give_addresses pods eth0 10.244.1.{17..20}/32 fd00:10:1::1{1..4}/128
  give_addresses servers eth0 10.244.1.{33..36}/32 fd00:10:1::2{1..4}/128
  for namespace in pods servers; do
    inside "$namespace" ip route add 10.244.1.1/32 dev eth0
    inside "$namespace" ip route add fd00:10:1::1/128 dev eth0
    route_by "$namespace" 10.244.1.1 fd00:10:1::1
  done
  give_addresses worker-2 eth0 192.168.0.3/24 2001:db8::3/64 \
    10.244.2.{33..37}/32 fd00:10:2::2{1..5}/128
  route_by worker-2 192.168.0.2 2001:db8::2
  give_addresses outside eth0 192.168.0.{50..52}/24 192.168.0.200/24 \
    2001:db8::5{0..2}/64 2001:db8::200/64
  route_by outside 192.168.0.2 2001:db8::2
}

make_lab() {
  make_lan
  make_node
  make_pods
  node "$here/rules.mjs" ipv4 worker-1 "$@" | inside node iptables-restore
  node "$here/rules.mjs" ipv6 worker-1 "$@" | inside node ip6tables-restore
  start servers node "$here/serve.mjs" 10.244.1.34 fd00:10:1::22
  start worker-2 node "$here/serve.mjs" 10.244.2.35 fd00:10:2::23
}

# Everything except neighbour discovery: ICMPv6 below 128 are errors (RFC 4443 section 2.1).
transport='(tcp or udp or icmp or (icmp6 and ip6[40] < 128))'

# capture NAME DEVICE in|out|inout [FILTER]: tcpdump on one device of the node.
capture() {
  local file=$scratch/$1-$2
  start node tcpdump -Z root -i "$2" -Q "$3" --immediate-mode -U --time-stamp-precision nano \
    -w "$file" "$transport ${4:-}" 2>"$file.log"
  local tries
  for tries in {1..50}; do
    grep -q 'listening on' "$file.log" && return
    sleep 0.1
  done
  fail "tcpdump did not start: $(cat "$file.log")"
}

# save NAME DEVICE...: what was captured on them, as one file $captures/NAME.pcapng.
save() {
  local name=$1 device files=()
  shift
  for device in "$@"; do files+=("$device=$scratch/$name-$device"); done
  node "$here/merge.mjs" "$captures/$name.pcapng" "${files[@]}"
}

demand_tools
trap clean_up EXIT
trap 'exit 130' INT TERM
scratch=$(mktemp -d)
