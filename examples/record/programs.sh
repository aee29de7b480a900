#!/usr/bin/env bash
# Records the captures of the example programs from real programs, in the cluster of lab.sh. It needs
# python3 beside the tools of that.
#
# Usage: examples/record/programs.sh [NAME...]
# writes examples/programs/NAME/*.pcapng
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
command -v python3 >/dev/null || fail "python3 is missing"

devices=(eth0 vethclient vethserver)

# A lab in which every Service has one endpoint, and tcpdump on what arrives at the node.
begin() {
  local name=$1 device
  captures=$examples/programs/$2
  mkdir -p "$captures"
  make_lab "$examples"/manifests/{nodes,kube-proxy,services}.yaml \
    "$examples/node-manifests/endpointslices.yaml"
  for device in "${devices[@]}"; do capture "$name" "$device" in; done
}

end() {
  sleep 0.3
  stop_all
  save "$1" "${devices[@]}"
  remove_lab
}

# browse NAMESPACE ADDRESS URL...: a connection for each.
browse() {
  local namespace=$1 address=$2 url
  shift 2
  for url in "$@"; do
    inside "$namespace" curl --silent --show-error --globoff --output /dev/null --http1.0 \
      --user-agent curl --interface "$address" --max-time 5 "$url"
  done
}

web4=http://192.168.0.2:30080
web6='http://[2001:db8::2]:30080'

# Neighbours, and networks that a list names, one of them with a partner inside who is excepted.
drop-list() {
  begin visitors drop-list
  give_addresses outside eth0 198.51.100.{7,40,99}/32 203.0.113.200/32 \
    2001:db8:bad::66/128 2001:db8:bad:a11::1/128
  local address
  for address in 192.168.0.50 198.51.100.{7,40,99} 203.0.113.200; do
    browse outside "$address" "$web4/" "$web4/bytes/512"
  done
  for address in 2001:db8::50 2001:db8:bad::66 2001:db8:bad:a11::1; do
    browse outside "$address" "$web6/" "$web6/bytes/512"
  done
  end visitors
}

rate-limit() {
  begin bursts rate-limit
  inside pods timeout 20 node "$here/bursts.mjs"
  end bursts
}

# Nobody has the addresses that flood: what the node sends there ends outside.
syn-guard() {
  begin flood syn-guard
  browse outside 192.168.0.50 "$web4/" "$web4/"
  inside outside timeout 20 python3 "$here/flood.py" 192.168.0.2 30080 200 5 198.51.100.{1..4} &
  local round address
  for round in 1 2 3; do
    for address in 192.168.0.{50..52}; do
      browse outside "$address" "$web4/"
      sleep 0.1
    done
  done
  wait $!
  browse outside 192.168.0.51 "$web4/bytes/512"
  end flood
}

dns-log() {
  begin lookups dns-log
  inside pods timeout 20 node "$here/lookups.mjs"
  end lookups
}

# As the clients see it: the kernel chooses among all endpoints.
canary() {
  captures=$examples/programs/canary
  mkdir -p "$captures"
  make_lab "$examples"/manifests/*.yaml
  inside pods sysctl -qw net.ipv4.tcp_timestamps=0
  capture visits vethclient inout
  local round pod
  for round in {1..14}; do
    for pod in 1 2 3 4; do
      browse pods "10.244.1.$((16 + pod))" http://10.96.0.80/
      browse pods "fd00:10:1::1$pod" 'http://[fd00:20::50]/'
    done
  done
  sleep 0.3
  stop_all
  save visits vethclient
  remove_lab
}

# tunnel_to NAMESPACE MAC LOCAL NUMBER FAR_MAC FAR FAR_NUMBER: a VXLAN device as an overlay of
# Kubernetes makes it, with the pods of the other node behind it.
tunnel_to() {
  local namespace=$1 mac=$2 address=$3 number=$4 far_mac=$5 far=$6 far_number=$7
  inside "$namespace" ip link add vxlan0 address "$mac" mtu 1450 type vxlan \
    id 4096 local "$address" dstport 4789 nolearning noudpcsum
  inside "$namespace" ip link set vxlan0 up
  give_addresses "$namespace" vxlan0 "10.244.$number.0/32" "fd00:10:$number::/128"
  inside "$namespace" bridge fdb append "$far_mac" dev vxlan0 dst "$far"
  inside "$namespace" ip neigh replace "10.244.$far_number.0" lladdr "$far_mac" dev vxlan0
  inside "$namespace" ip neigh replace "fd00:10:$far_number::" lladdr "$far_mac" dev vxlan0
  inside "$namespace" ip route flush root "10.244.$far_number.0/24"
  inside "$namespace" ip -6 route flush root "fd00:10:$far_number::/64"
  inside "$namespace" ip route add "10.244.$far_number.0/24" \
    via "10.244.$far_number.0" dev vxlan0 onlink
  inside "$namespace" ip route add "fd00:10:$far_number::/64" \
    via "fd00:10:$far_number::" dev vxlan0 onlink
}

# Pods on worker-1 talk to a Service whose pod is on worker-2, by the kernel's VXLAN devices.
tunnel() {
  begin overlay tunnel
  capture overlay-expected eth0 out
  local mac1=66:00:00:00:00:01 mac2=66:00:00:00:00:02
  tunnel_to node $mac1 192.168.0.2 1 $mac2 192.168.0.3 2
  tunnel_to worker-2 $mac2 192.168.0.3 2 $mac1 192.168.0.2 1
  inside pods ip link set eth0 mtu 1450
  local pod
  for pod in 1 2; do
    browse pods "10.244.1.$((16 + pod))" http://10.96.0.80/ http://10.96.0.80/bytes/4096
    browse pods "fd00:10:1::1$pod" 'http://[fd00:20::50]/' 'http://[fd00:20::50]/bytes/4096'
  done
  sleep 0.3
  stop_all
  save overlay "${devices[@]}"
  save overlay-expected eth0
  remove_lab
}

[ $# -gt 0 ] || set -- drop-list rate-limit syn-guard dns-log canary tunnel
for name in "$@"; do "$name"; done
