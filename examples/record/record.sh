#!/usr/bin/env bash
# Records the captures of examples/captures from real programs, in the cluster of lab.sh.
#
# Usage: examples/record/record.sh [FOLDER]
# writes *.pcapng into FOLDER (examples/captures) and node-network.json beside it
. "$(dirname "$0")/lab.sh"
captures=${1:-$examples/captures}

# One packet of each connection from or to these ports is lost behind the node, so that the sender
# repeats it.
lose_packets() {
  local command namespace
  for command in iptables ip6tables; do
    for namespace in servers worker-2; do
      inside "$namespace" "$command" -A INPUT -p tcp --sport 41000 --dport 8080 \
        -m statistic --mode nth --every 1000000 --packet 2 -j DROP
    done
    inside pods "$command" -A INPUT -p tcp --sport 80 --dport 41001 \
      -m statistic --mode nth --every 1000000 --packet 2 -j DROP
  done
}

browse() {
  local from=$1 url
  shift
  for url in "$@"; do
    inside outside curl --silent --show-error --globoff --interface "$from" --max-time 5 "$url"
  done
}

visit() {
  inside pods timeout 40 node "$here/clients.mjs" pods "$1" "$2"
  inside outside timeout 40 node "$here/clients.mjs" outside "$1" "$2"
}

# What clients see: their requests to Services, and the answers as the kernel's NAT gave them back.
record_cluster() {
  make_lab "$examples"/manifests/*.yaml
  lose_packets
  capture cluster eth0 inout 'and not net 10.244.0.0/16 and not net fd00:10::/32'
  capture cluster vethclient inout
  visit 3 20480
  browse 192.168.0.50 http://192.168.0.2:30080/ http://203.0.113.10/
  browse 2001:db8::50 'http://[2001:db8::2]:30080/' 'http://[2001:db8:1::10]/'
  sleep 0.5
  stop_all
  save cluster eth0 vethclient
  remove_lab
}

# What arrives at the node on all its devices, and what leaves it. Services have one endpoint each:
# there is no choice.
record_node() {
  local devices=(eth0 vethclient vethserver) device
  make_lab "$examples"/manifests/{nodes,kube-proxy,services}.yaml \
    "$examples/node-manifests/endpointslices.yaml"
  lose_packets
  for device in "${devices[@]}"; do
    capture node "$device" in
    capture node-expected "$device" out
  done
  visit 1 2048
  inside servers timeout 40 node "$here/clients.mjs" hairpin 1 2048
  sleep 0.5
  save_network
  stop_all
  save node "${devices[@]}"
  save node-expected "${devices[@]}"
  remove_lab
}

save_network() {
  inside node ip -j addr >"$scratch/addresses.json"
  inside node ip -j route >"$scratch/routes4.json"
  inside node ip -6 -j route >"$scratch/routes6.json"
  node -e '
    const read = (file) => JSON.parse(require("fs").readFileSync(file));
    const [addresses, ipv4, ipv6] = process.argv.slice(1).map(read);
    console.log(JSON.stringify({ addresses, routes: [...ipv4, ...ipv6] }, null, 2));
  ' "$scratch"/{addresses,routes4,routes6}.json >"$captures/../node-network.json"
}

mkdir -p "$captures"
record_cluster
record_node
