// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Flows of everything but TCP: UDP, ICMP, SCTP and whatever else sockets send; and DNS as the workload saw it.
 *
 * Attaches to: cgroup_skb ingress and egress at the root of cgroup v2 (a packet of a socket; TCP leaves after one look at
 * its header), cgroup/sock_create (who made a socket), iter/task_file (sockets that were there before), and a syscall
 * program that user space runs at each poll to walk the flows.
 * Writes: struct datagram_report into `reports`, only for flows that moved; struct dns_packet into `dns_packets`.
 * Cannot see: packets that are no socket's (forwarded, sent by AF_PACKET, taken by kernel tunnels such as VXLAN and
 * WireGuard: what they carry is seen at its own socket); ICMP errors, unless a raw socket reads them; what a firewall
 * drops before the socket or after it. Where an unconnected socket's packets are rewritten by NAT in the same namespace,
 * the two directions are two flows; what a connected socket sends elsewhere by sendto() counts for whom it is connected to.
 * Of raw sockets that read the same ICMP errors, or the same protocol without ports, the first is named. What comes for a program
 * that answers echo requests by itself, in the kernel's place, is seen from its first answer on. Replies to a raw socket that
 * pings a group, or whose requests are rewritten by NAT in the same namespace, are not counted there.
 * A packet that is counted in the very moment in which its idle flow is removed is lost. Left out: neighbour discovery and
 * multicast membership, which are IPv6's ARP.
 */
#include "kernel.h"
#include "skb.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "datagram.h"
#include "packet.h"
#include "process-name.h"
#include "datagram-maps.h"
#include "datagram-hash.h"
#include "datagram-owner.h"
#include "datagram-receiver.h"
#include "datagram-dns.h"
#include "datagram-flow.h"
#include "datagram-seat.h"
#include "datagram-walk.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * A connected socket's own view of its other end: what the application asked for, before the address was translated, so
 * that both directions are one flow. As for TCP.
 */
static __always_inline void read_connected(const struct bpf_sock *sk, struct flow_key *key)
{
	__be16 port = sk->dst_port;

	if (port == 0 || key->protocol != IPPROTO_UDP)
		return;
	if (sk->family == AF_INET) {
		if (sk->dst_ip4 == 0)
			return;
		write_ipv4(&key->remote_address, sk->dst_ip4);
	} else {
		key->remote_address.words[0] = sk->dst_ip6[0] | (__u64)sk->dst_ip6[1] << 32;
		key->remote_address.words[1] = sk->dst_ip6[2] | (__u64)sk->dst_ip6[3] << 32;
	}
	key->ports.word = key->ports.local | (__u32)bpf_ntohs(port) << 16;
}

/* A packet that is counted with its flow; `is_plain`: it is read already. `cookie` is its socket's, 0 on a kernel without seats. */
static __always_inline int count_at_flow(struct __sk_buff *skb, struct packet *packet, bool is_egress, bool is_plain, __u64 cookie)
{
	struct flow_key *key = &packet->key;
	struct bpf_sock *sk = skb->sk;
	struct owner *owner;
	struct flow *flow;
	__u64 scope, tick;
	bool is_raw_copy;

	if (!sk || (!is_plain && !read_packet(skb, is_egress, packet)))
		return 0;
	if (!is_plain)
		read_connected(sk, key);
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner || (owner->network_namespace == 0 && !place_socket(skb, owner)))
		return 0;
	/* A raw socket listening in on UDP or SCTP gets copies of what another socket receives. */
	if (!is_egress && owner->is_raw && has_ports(key->protocol))
		return 0;
	key->cgroup_id = owner->cgroup_id;
	key->network_namespace = owner->network_namespace;
	scope = owner->scope;
	if (key->protocol != IPPROTO_UDP) { /* the kernel's own ICMP sockets serve every namespace in turn */
		key->network_namespace = namespace_of(kernel_socket(skb));
		scope = hash_scope(key->cgroup_id, key->network_namespace);
	}
	if (with_dns && key->protocol == IPPROTO_UDP && key->ports.remote == DNS_PORT) {
		if (is_egress)
			read_sender(skb, owner, IPPROTO_UDP); /* whose flow this will be */
		copy_dns(skb, packet, owner, is_egress, bpf_ktime_get_ns());
	}
	if (!with_flows)
		return 0;
	tick = bpf_jiffies64(); /* one load; asking for the time takes 20 ns */
	/*
	 * Every raw socket of a namespace gets what came for one of them. An echo reply is for who asked; a request the kernel
	 * answers, and counts where it does.
	 */
	is_raw_copy = !is_egress && owner->is_raw;
	if (is_raw_copy && !packet->is_echo && !counts_at_raw(skb, hash_flow(key, hash_scope(0, key->network_namespace)), tick))
		return 0;
	flow = find_flow(hash_flow(key, scope), packet, is_egress, !is_raw_copy || !packet->is_echo);
	if (!flow)
		return 0;
	if (flow->process == 0 && (is_egress || is_unused(flow)))
		name_owner(skb, flow, owner, is_egress);
	if ((is_raw_copy ? packet->is_echo : !is_egress && skb->pkt_type != PACKET_HOST) &&
	    !counts_here(skb, &flow->receiver, tick))
		return 0;
	flow->last_tick = tick;
	flow->socket = cookie;
	count(skb, packet, &flow->counts, is_egress);
	/* The kernel answers an echo request without a socket seeing it: the answer is as long as what it answers. */
	if (is_egress && packet->is_echo_reply && flow->process == 0) {
		if (!(flow->flags & DATAGRAM_ANSWERED))
			flow->flags |= DATAGRAM_ANSWERED;
		count(skb, packet, &flow->counts, false);
	}
	return 0;
}

/* Not inlined, so that all that a packet at a seat needs lies together. */
static __noinline int count_received(struct __sk_buff *skb, struct packet *packet, bool is_plain, __u64 cookie)
{
	return count_at_flow(skb, packet, false, is_plain, cookie);
}

static __noinline int count_sent(struct __sk_buff *skb, struct packet *packet, bool is_plain, __u64 cookie)
{
	return count_at_flow(skb, packet, true, is_plain, cookie);
}

/* `with_seats` is a constant: whether this kernel lets a program read its socket's cookie. */
static __always_inline void follow(struct __sk_buff *skb, bool is_egress, bool with_seats)
{
	struct packet packet = {};
	struct bpf_sock *sk = skb->sk;
	__u64 cookie = 0;
	bool is_plain;

	if (!sk)
		return;
	is_plain = read_plain_udp(skb, is_egress, &packet);
	if (is_plain)
		read_connected(sk, &packet.key);
	if (with_seats) {
		cookie = cookie_of(skb);
		if (is_plain && cookie && count_at_seat(skb, &packet, cookie, is_egress))
			return;
		if (!cookie)
			cookie = bpf_get_socket_cookie(skb);
	}
	if (is_egress)
		count_sent(skb, &packet, is_plain, cookie);
	else
		count_received(skb, &packet, is_plain, cookie);
}

/*
 * Not inlined, so that what a TCP packet passes is two lines of the cache, without a stack. User space loads the first two of the
 * programs that follow, or where the kernel does not take them the last two.
 */
static __noinline int follow_received(struct __sk_buff *skb)
{
	follow(skb, false, true);
	return 0;
}

static __noinline int follow_sent(struct __sk_buff *skb)
{
	follow(skb, true, true);
	return 0;
}

SEC("cgroup_skb/ingress")
int follow_ingress(struct __sk_buff *skb)
{
	if (!is_tcp_packet(skb))
		follow_received(skb);
	return 1; /* the packet goes on, always */
}

SEC("cgroup_skb/egress")
int follow_egress(struct __sk_buff *skb)
{
	if (!is_tcp_packet(skb))
		follow_sent(skb);
	return 1;
}

SEC("cgroup_skb/ingress")
int count_ingress(struct __sk_buff *skb)
{
	if (!is_tcp_packet(skb))
		follow(skb, false, false);
	return 1;
}

SEC("cgroup_skb/egress")
int count_egress(struct __sk_buff *skb)
{
	if (!is_tcp_packet(skb))
		follow(skb, true, false);
	return 1;
}

SEC("cgroup/sock_create")
int own_socket(struct bpf_sock *sk)
{
	struct owner *owner;

	if (sk->protocol == IPPROTO_TCP)
		return 1;
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (owner)
		read_task(owner, bpf_get_current_task_btf());
	return 1;
}

/* Run once at the start: sockets that were there before. */
SEC("iter/task_file")
int find_owners(struct bpf_iter__task_file *context)
{
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct socket *socket;
	struct owner *owner;
	struct sock *sk;
	__u16 family;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if ((family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP)
		return 0;
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (owner && owner->process == 0)
		read_task(owner, task);
	return 0;
}

SEC("syscall")
int walk_flows(void *context)
{
	struct walk walk = {};
	struct datagram_losses *lost = get_losses();

	walk.now = bpf_ktime_get_ns();
	walk.tick = bpf_jiffies64();
	if (lost && lost->walked * 4 > (__u64)flows_wanted * 3)
		walk.hurry = 3;
	bpf_for_each_map_elem(&slots, walk_slot, &walk, 0);
	if (lost) {
		lost->walked = walk.walked;
		__sync_fetch_and_add(&lost->deferred, walk.deferred);
	}
	return 0;
}
