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
 * A packet that is counted in the very moment in which its idle flow is removed is lost. Left out: neighbour discovery and multicast membership, which are IPv6's ARP.
 */
#include "kernel.h"
#include "skb.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "datagram.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SECOND 1000000000ULL
#define DNS_PORT 53
/* Most messages are short, and the ring buffer's records have fixed sizes. */
#define DNS_SHORT 256
#define DNS_LONG 1232 /* what resolvers send without IP fragments (DNS flag day 2020) */

/* Set before loading. */
const volatile __u64 udp_idle_nanoseconds = 60 * SECOND;
const volatile __u64 icmp_idle_nanoseconds = 30 * SECOND;
const volatile __u32 flows_wanted = 65536; /* max_entries of `flows` */
const volatile __u32 with_flows = 1;
const volatile __u32 with_dns = 1;
const volatile __u32 reserved = 0;

struct owner {
	__u64 cgroup_id;
	__u32 network_namespace;
	__u32 process;
	char process_name[16];
};

struct flow_key {
	__u8 local_address[16];
	__u8 remote_address[16];
	__u64 cgroup_id;
	__u32 network_namespace;
	__u16 local_port;  /* host byte order; of an ICMP echo its identifier */
	__u16 remote_port; /* of other ICMP its type and code */
	__u8 protocol;
	__u8 reserved[7]; /* zero, so that equal flows hash alike */
};
_Static_assert(sizeof(struct flow_key) == 56, "no padding, so that equal flows hash alike");

struct counts {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 packets_sent;
	__u64 packets_received;
};

struct flow {
	struct counts counts;
	struct counts reported; /* the walk's own */
	__u64 first_seen;
	__u64 last_seen;
	__u64 receiver; /* cookie of the socket whose copies count, where several get one */
	__u64 receiver_seen;
	__u32 process;
	char process_name[16];
	__u16 icmp_type_code;
	__u8 flags;
};

/*
 * No preallocation: an entry takes 48 (kernel) + 56 + 128 bytes, 256 with the allocator's rounding, while its flow lives.
 * 65,536 flows are 16 MiB, and 1 MiB of buckets is there from the start. User space sets max_entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* Who a socket belongs to: lives and goes with the socket, 32 bytes and the kernel's 64 each. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct owner);
} owners SEC(".maps");

/* 4 MiB hold about 35,000 reports. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} reports SEC(".maps");

/* 2 MiB hold about 6,900 short messages, or 1,600 long ones, between two polls. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 2 * 1024 * 1024);
} dns_packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct datagram_losses);
} losses SEC(".maps");

/* What the headers of a packet say. */
struct packet {
	struct flow_key key;
	__u32 header_length; /* IP header with its options or extension headers */
	__u16 icmp_type_code;
	__u8 is_echo_reply;
	__u8 is_wire_housekeeping;
};

static __always_inline struct datagram_losses *get_losses(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&losses, &zero);
}

static __always_inline void write_address(__u8 *target, __be32 ipv4)
{
	__builtin_memset(target, 0, 10);
	target[10] = 0xff;
	target[11] = 0xff;
	__builtin_memcpy(target + 12, &ipv4, 4);
}

/* The cheap test: one look at the header, where it lies. TCP's headers are never in fragments of memory. */
static __always_inline bool is_tcp_packet(const struct __sk_buff *skb)
{
	const __u8 *data = (const __u8 *)(long)skb->data;
	const __u8 *end = (const __u8 *)(long)skb->data_end;

	if (data + 20 > end)
		return false;
	return (data[0] >> 4 == 4 ? data[9] : data[6]) == IPPROTO_TCP;
}

static __always_inline bool has_ports(__u8 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
	       protocol == IPPROTO_UDPLITE;
}

static __always_inline bool is_icmp(__u8 protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* Echo and its reply share a flow, told by the identifier; the rest is a flow per type and code. */
static __always_inline void read_icmp(struct __sk_buff *skb, struct packet *packet)
{
	__u8 icmp[8] = {}; /* type, code, checksum, identifier, sequence */
	bool is_v6 = packet->key.protocol == IPPROTO_ICMPV6;
	__u8 type;

	if (bpf_skb_load_bytes(skb, packet->header_length, icmp, sizeof(icmp)))
		return;
	type = icmp[0];
	packet->icmp_type_code = type << 8 | icmp[1];
	packet->is_wire_housekeeping =
		is_v6 && ((type >= 130 && type <= 137) || type == 143); /* RFC 4443, 4861, 3810 */
	packet->is_echo_reply = type == (is_v6 ? 129 : 0);
	if (packet->is_echo_reply || type == (is_v6 ? 128 : 8))
		packet->key.local_port = icmp[4] << 8 | icmp[5];
	else
		packet->key.remote_port = packet->icmp_type_code;
}

/* Ports or ICMP's facts; a later fragment has neither. Returns false for TCP behind extension headers. */
static __always_inline bool read_transport(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	__u8 protocol = packet->key.protocol;
	__be16 ports[2] = {};

	if (protocol == IPPROTO_TCP)
		return false;
	if (is_icmp(protocol)) {
		read_icmp(skb, packet);
		return !packet->is_wire_housekeeping;
	}
	if (!has_ports(protocol) || bpf_skb_load_bytes(skb, packet->header_length, ports, sizeof(ports)))
		return true;
	packet->key.local_port = bpf_ntohs(ports[is_egress ? 0 : 1]);
	packet->key.remote_port = bpf_ntohs(ports[is_egress ? 1 : 0]);
	return true;
}

/* Nearly every packet: UDP in IPv4 without options and fragments, read where it lies. */
static __always_inline bool read_plain_udp(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	const struct ipv4_header *ip = (const struct ipv4_header *)(long)skb->data;
	const __be16 *ports = (const __be16 *)(ip + 1);

	if ((const void *)(ports + 4) > (const void *)(long)skb->data_end)
		return false;
	if (ip->version_length != 0x45 || ip->protocol != IPPROTO_UDP || (ip->fragment & bpf_htons(0x1fff)))
		return false;
	write_address(packet->key.local_address, is_egress ? ip->source : ip->destination);
	write_address(packet->key.remote_address, is_egress ? ip->destination : ip->source);
	packet->key.protocol = IPPROTO_UDP;
	packet->key.local_port = bpf_ntohs(ports[is_egress ? 0 : 1]);
	packet->key.remote_port = bpf_ntohs(ports[is_egress ? 1 : 0]);
	packet->header_length = sizeof(*ip);
	return true;
}

static __always_inline bool read_ipv4(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	struct ipv4_header ip;

	if (read_plain_udp(skb, is_egress, packet))
		return true;
	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	write_address(packet->key.local_address, is_egress ? ip.source : ip.destination);
	write_address(packet->key.remote_address, is_egress ? ip.destination : ip.source);
	packet->key.protocol = ip.protocol;
	packet->header_length = (ip.version_length & 15) * 4;
	if (ip.fragment & bpf_htons(0x1fff))
		return ip.protocol != IPPROTO_TCP;
	return read_transport(skb, is_egress, packet);
}

static __always_inline bool read_ipv6(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	struct ipv6_header ip;
	__u8 next;
	__u32 offset = sizeof(ip);

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	__builtin_memcpy(packet->key.local_address, is_egress ? ip.source : ip.destination, 16);
	__builtin_memcpy(packet->key.remote_address, is_egress ? ip.destination : ip.source, 16);
	next = ip.next_header;
	for (int i = 0; i < 6; i++) {
		__u8 head[4];

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
			break;
		if (bpf_skb_load_bytes(skb, offset, head, sizeof(head)))
			return false;
		if (next == IPPROTO_FRAGMENT && (head[2] || head[3] & 0xf8)) { /* RFC 8200 §4.5: not the first one */
			packet->key.protocol = head[0];
			return head[0] != IPPROTO_TCP;
		}
		offset += next == IPPROTO_FRAGMENT ? 8 : next == IPPROTO_AH ? (head[1] + 2) * 4 : (head[1] + 1) * 8;
		next = head[0];
	}
	packet->key.protocol = next;
	packet->header_length = offset;
	return read_transport(skb, is_egress, packet);
}

/*
 * A connected socket's own view of its other end: what the application asked for, before the address was translated, so
 * that both directions are one flow. As for TCP.
 */
static __always_inline void read_connected(struct bpf_sock *sk, struct flow_key *key)
{
	__be16 port = sk->dst_port;

	if (port == 0 || key->protocol != IPPROTO_UDP)
		return;
	if (key->local_address[10] == 0xff && sk->family == AF_INET) {
		if (sk->dst_ip4 == 0)
			return;
		write_address(key->remote_address, sk->dst_ip4);
	} else if (sk->family == AF_INET6) {
		__u32 remote[4] = { sk->dst_ip6[0], sk->dst_ip6[1], sk->dst_ip6[2], sk->dst_ip6[3] };

		__builtin_memcpy(key->remote_address, remote, 16);
	}
	key->remote_port = bpf_ntohs(port);
}

/* The kernel's own view of the packet's socket, as a number: helpers take no pointer arithmetic on a socket. */
static __always_inline struct sock *kernel_socket(struct __sk_buff *skb)
{
	struct sk_buff *buffer = (struct sk_buff *)skb;
	struct sock *sk = 0;

	bpf_core_read(&sk, sizeof(sk), &buffer->sk);
	return sk;
}

static __always_inline __u32 namespace_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* A socket of the kernel's own has no file. */
static __always_inline bool is_of_program(struct sock *sk)
{
	return BPF_CORE_READ((struct sock___file *)sk, sk_socket, file) != 0;
}

static __always_inline void read_task(struct owner *owner, struct task_struct *task)
{
	owner->process = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_INTO(&owner->process_name, task, group_leader, comm);
}

/*
 * Where several sockets get a copy each (multicast, broadcast, raw sockets), one of them counts: the one that was first, and
 * when it has been silent for a second, the next.
 */
static __always_inline bool counts_here(struct __sk_buff *skb, struct flow *flow, __u64 now)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	if (flow->receiver != cookie) {
		if (flow->receiver != 0 && now - flow->receiver_seen < SECOND)
			return false;
		flow->receiver = cookie;
	}
	flow->receiver_seen = now;
	return true;
}

/* `room` is a constant, the message's place in the record; `length` is at least 12 and at most `room`. */
static __always_inline bool copy_message(struct __sk_buff *skb, const struct packet *packet, bool is_egress, __u64 now,
					 __u32 length, const __u32 room)
{
	struct dns_packet *record = bpf_ringbuf_reserve(&dns_packets, sizeof(*record) + room, 0);

	if (!record)
		return false;
	record->seen_nanoseconds = now;
	record->network_namespace = packet->key.network_namespace;
	record->local_port = packet->key.local_port;
	record->message_length = length;
	record->is_answer = !is_egress;
	__builtin_memset(record->reserved, 0, sizeof(record->reserved));
	__builtin_memcpy(record->resolver_address, packet->key.remote_address, 16);
	if (length == 0 || length > room || bpf_skb_load_bytes(skb, packet->header_length + 8, record + 1, length))
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return true;
}

static __always_inline void copy_dns(struct __sk_buff *skb, const struct packet *packet, bool is_egress, __u64 now)
{
	__u32 offset = packet->header_length + 8;
	__u32 length = skb->len - offset;
	struct datagram_losses *lost;
	bool is_copied;

	if (packet->header_length == 0 || skb->len < offset + 12) /* a later fragment; shorter than DNS's header */
		return;
	if (length <= DNS_SHORT)
		is_copied = copy_message(skb, packet, is_egress, now, length, DNS_SHORT);
	else
		is_copied = copy_message(skb, packet, is_egress, now, length > DNS_LONG ? DNS_LONG : length, DNS_LONG);
	if (is_copied)
		return;
	lost = get_losses();
	if (lost)
		__sync_fetch_and_add(&lost->dns_lost, 1);
}

static __always_inline struct flow *add_flow(const struct flow_key *key, const struct packet *packet, bool is_egress,
					     __u64 now)
{
	struct flow flow = {};
	struct datagram_losses *lost;
	long result;

	flow.first_seen = now;
	flow.last_seen = now;
	flow.icmp_type_code = packet->icmp_type_code;
	flow.flags = DATAGRAM_FIRST | (is_egress ? DATAGRAM_LOCAL_FIRST : 0);
	result = bpf_map_update_elem(&flows, key, &flow, BPF_NOEXIST);
	if (result && result != -17 /* EEXIST: another processor was quicker */) {
		lost = get_losses();
		if (lost)
			__sync_fetch_and_add(&lost->table_full, 1);
		return 0;
	}
	return bpf_map_lookup_elem(&flows, key);
}

/*
 * Who sends, as far as that is known when a packet leaves: the task that runs now, when the socket is a program's and its
 * protocol sends nothing by itself. Else who made the socket.
 */
static __always_inline void name_owner(struct __sk_buff *skb, struct flow *flow, struct owner *owner, __u8 protocol,
				       bool is_egress)
{
	if (is_egress && protocol != IPPROTO_SCTP && is_of_program(kernel_socket(skb)))
		read_task(owner, bpf_get_current_task_btf());
	if (owner->process == 0)
		return;
	__builtin_memcpy(flow->process_name, owner->process_name, 16);
	flow->process = owner->process;
}

static __always_inline void count(struct __sk_buff *skb, const struct packet *packet, struct flow *flow, bool is_egress)
{
	__u64 packets = skb->gso_segs > 1 ? skb->gso_segs : 1;
	/* Each segment of a train gets the headers of its own. */
	__u64 bytes = skb->len + (packets - 1) * (packet->header_length + 8);

	if (is_egress) {
		__sync_fetch_and_add(&flow->counts.packets_sent, packets);
		__sync_fetch_and_add(&flow->counts.bytes_sent, bytes);
	} else {
		__sync_fetch_and_add(&flow->counts.packets_received, packets);
		__sync_fetch_and_add(&flow->counts.bytes_received, bytes);
	}
}

static __always_inline void follow(struct __sk_buff *skb, bool is_egress)
{
	struct packet packet = {};
	struct flow_key *key = &packet.key;
	struct bpf_sock *sk = skb->sk;
	struct owner *owner;
	struct flow *flow;
	__u64 now;
	bool is_new;

	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return;
	if (!(skb->protocol == bpf_htons(0x0800) ? read_ipv4(skb, is_egress, &packet)
						 : read_ipv6(skb, is_egress, &packet)))
		return;
	/* A raw socket listening in on UDP or SCTP gets copies of what another socket receives. */
	if (!is_egress && sk->type == SOCK_RAW && has_ports(key->protocol))
		return;
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner)
		return;
	if (owner->network_namespace == 0) {
		owner->cgroup_id = bpf_skb_cgroup_id(skb);
		owner->network_namespace = namespace_of(kernel_socket(skb));
	}
	key->cgroup_id = owner->cgroup_id;
	key->network_namespace = owner->network_namespace;
	if (key->protocol != IPPROTO_UDP) /* the kernel's own ICMP sockets serve every namespace in turn */
		key->network_namespace = namespace_of(kernel_socket(skb));
	read_connected(sk, key);
	if (with_dns && key->protocol == IPPROTO_UDP && key->remote_port == DNS_PORT)
		copy_dns(skb, &packet, is_egress, bpf_ktime_get_ns());
	if (!with_flows)
		return;
	now = bpf_ktime_get_coarse_ns(); /* exact to a timer tick, and much cheaper */
	flow = bpf_map_lookup_elem(&flows, key);
	is_new = !flow;
	if (is_new)
		flow = add_flow(key, &packet, is_egress, now);
	if (!flow)
		return;
	if (is_new || (is_egress && flow->process == 0))
		name_owner(skb, flow, owner, key->protocol, is_egress);
	if (!is_egress && (key->protocol != IPPROTO_UDP || skb->pkt_type != PACKET_HOST) && !counts_here(skb, flow, now))
		return;
	flow->last_seen = now;
	count(skb, &packet, flow, is_egress);
	/* The kernel answers an echo request without a socket seeing it: the answer is as long as what it answers. */
	if (is_egress && packet.is_echo_reply && flow->process == 0) {
		if (!(flow->flags & DATAGRAM_ANSWERED))
			flow->flags |= DATAGRAM_ANSWERED;
		count(skb, &packet, flow, false);
	}
}

SEC("cgroup_skb/ingress")
int follow_ingress(struct __sk_buff *skb)
{
	if (!is_tcp_packet(skb))
		follow(skb, false);
	return 1; /* the packet goes on, always */
}

SEC("cgroup_skb/egress")
int follow_egress(struct __sk_buff *skb)
{
	if (!is_tcp_packet(skb))
		follow(skb, true);
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

struct walk {
	__u64 now;
	__u64 walked;
	__u64 deferred;
	__u64 hurry; /* shift of the idle times: a table that fills forgets sooner */
};

static __always_inline bool report(const struct flow_key *key, struct flow *flow)
{
	struct datagram_report *record = bpf_ringbuf_reserve(&reports, sizeof(*record), 0);
	struct counts now = flow->counts;

	if (!record)
		return false;
	record->bytes_sent = now.bytes_sent - flow->reported.bytes_sent;
	record->bytes_received = now.bytes_received - flow->reported.bytes_received;
	record->first_seen_nanoseconds = flow->first_seen;
	record->last_seen_nanoseconds = flow->last_seen;
	record->cgroup_id = key->cgroup_id;
	record->packets_sent = now.packets_sent - flow->reported.packets_sent;
	record->packets_received = now.packets_received - flow->reported.packets_received;
	record->network_namespace = key->network_namespace;
	record->process = flow->process;
	record->local_port = is_icmp(key->protocol) ? 0 : key->local_port;
	record->remote_port = is_icmp(key->protocol) ? 0 : key->remote_port;
	record->icmp_type_code = flow->icmp_type_code;
	record->protocol = key->protocol;
	record->flags = flow->flags;
	__builtin_memcpy(record->local_address, key->local_address, 16);
	__builtin_memcpy(record->remote_address, key->remote_address, 16);
	__builtin_memcpy(record->process_name, flow->process_name, 16);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	flow->reported = now;
	flow->flags &= ~DATAGRAM_FIRST;
	return true;
}

/* When the ring buffer is full the walk stops, and the next begins anew. */
static long walk_flow(void *map, struct flow_key *key, struct flow *flow, struct walk *walk)
{
	__u64 limit = (is_icmp(key->protocol) ? icmp_idle_nanoseconds : udp_idle_nanoseconds) >> walk->hurry;
	bool has_ended = walk->now > flow->last_seen && walk->now - flow->last_seen > limit;
	bool has_moved = flow->counts.packets_sent != flow->reported.packets_sent ||
			 flow->counts.packets_received != flow->reported.packets_received;

	walk->walked++;
	if (has_moved && !report(key, flow)) {
		walk->deferred++;
		return 1;
	}
	if (has_ended)
		bpf_map_delete_elem(&flows, key);
	return 0;
}

SEC("syscall")
int walk_flows(void *context)
{
	struct walk walk = {};
	struct datagram_losses *lost = get_losses();

	walk.now = bpf_ktime_get_ns();
	if (lost && lost->walked * 4 > (__u64)flows_wanted * 3)
		walk.hurry = 3;
	bpf_for_each_map_elem(&flows, walk_flow, &walk, 0);
	if (lost) {
		lost->walked = walk.walked;
		__sync_fetch_and_add(&lost->deferred, walk.deferred);
	}
	return 0;
}
