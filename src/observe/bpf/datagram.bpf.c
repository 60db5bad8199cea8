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
const volatile __u32 tick_nanoseconds = 4000000; /* between two timer interrupts: the kernel's 1 / HZ */
const volatile __u32 hash_keys[14] = {};         /* random */

/* Of a socket. Where it lives is known from its first packet on: `network_namespace` is 0 before. */
struct owner {
	__u64 cgroup_id;
	__u64 scope; /* hash of cgroup and network namespace */
	__u32 network_namespace;
	__u32 process;
	char process_name[16];
	__u8 is_raw;
	__u8 is_kernels; /* of no program, as VXLAN's */
};

/* As 64-bit words, since what is written in pieces is slow to read as a whole. */
union address {
	__u8 bytes[16];
	__u64 words[2];
};

/* `local` and `remote` are ports in host byte order; of an ICMP echo `local` is its identifier, of other ICMP `remote` is
 * its type and code. */
union ports {
	struct {
		__u16 local;
		__u16 remote;
	};
	__u32 word;
};

struct flow_key {
	union address local_address;
	union address remote_address;
	__u64 cgroup_id;
	__u32 network_namespace;
	union ports ports;
	__u32 protocol;
	__u32 reserved; /* zero */
};
_Static_assert(sizeof(struct flow_key) == 56, "no padding, and whole words to compare");

struct counts {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 packets_sent;
	__u64 packets_received;
};

/* What every packet needs comes first: two cache lines. */
struct flow {
	struct counts counts;
	__u64 last_tick; /* the kernel's jiffies */
	__u64 receiver;  /* cookie of the socket whose copies count, where several get one */
	__u64 receiver_tick;
	__u32 process;
	__u16 icmp_type_code;
	__u8 flags;
	struct flow_key key;
	struct counts reported; /* the walk's own */
	__u64 first_seen;
	char process_name[16];
};
_Static_assert(__builtin_offsetof(struct flow, key) == 64, "the key is the second cache line");

/*
 * By a hash of the flow's key that is made here: the kernel's own takes four times as long for 56 bytes as for 8. The key
 * is in the value and compared. Where two flows have one hash, the second lives at the next number.
 *
 * No preallocation: an entry takes 48 (kernel) + 8 + 176 bytes, 256 with the allocator's rounding, while its flow lives.
 * 65,536 flows are 16 MiB, and 1 MiB of buckets is there from the start. User space sets max_entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct flow);
} flows SEC(".maps");

/* At most so many flows of one hash; what comes then is counted as if the table were full. */
#define FLOWS_PER_HASH 4

/* Who a socket belongs to: lives and goes with the socket, 48 bytes and the kernel's 64 each. */
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

static __always_inline void write_ipv4(union address *target, __be32 ipv4)
{
	target->words[0] = 0;
	target->words[1] = (__u64)ipv4 << 32 | 0xffff0000; /* ::ffff:0:0/96, little-endian as every machine this runs on */
}

static __always_inline bool is_ipv4(const union address *address)
{
	return address->words[0] == 0 && (__u32)address->words[1] == 0xffff0000;
}

/*
 * NH, the hash of UMAC (RFC 4418 §5.2.2): whoever does not know the keys cannot choose flows that meet. Products of 32-bit
 * sums that do not wait for each other.
 */
static __always_inline __u64 multiply(__u64 word, const int key)
{
	return (__u64)((__u32)word + hash_keys[key]) * (__u32)((word >> 32) + hash_keys[key + 1]);
}

static __always_inline __u64 hash_scope(__u64 cgroup_id, __u32 network_namespace)
{
	return multiply(cgroup_id, 0) + multiply(network_namespace, 2);
}

static __always_inline __u64 hash_flow(const struct flow_key *key, __u64 scope)
{
	const __u64 *local = key->local_address.words;
	const __u64 *remote = key->remote_address.words;
	__u64 hash = scope + multiply((__u64)key->protocol << 32 | key->ports.word, 4);

	if (is_ipv4(&key->local_address) && is_ipv4(&key->remote_address))
		return hash + multiply(local[1] >> 32 | (remote[1] & 0xffffffff00000000), 6);
	return hash + multiply(local[0], 6) + multiply(local[1], 8) + multiply(remote[0], 10) + multiply(remote[1], 12);
}

static __always_inline bool is_equal(const struct flow_key *one, const struct flow_key *other)
{
	const __u64 *a = (const __u64 *)one;
	const __u64 *b = (const __u64 *)other;

	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5]) |
		(a[6] ^ b[6])) == 0;
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

static __always_inline bool has_ports(__u32 protocol)
{
	return protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
	       protocol == IPPROTO_UDPLITE;
}

static __always_inline bool is_icmp(__u32 protocol)
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
		packet->key.ports.local = icmp[4] << 8 | icmp[5];
	else
		packet->key.ports.remote = packet->icmp_type_code;
}

static __always_inline void write_ports(struct flow_key *key, const __be16 *ports, bool is_egress)
{
	__u32 local = bpf_ntohs(ports[is_egress ? 0 : 1]);
	__u32 remote = bpf_ntohs(ports[is_egress ? 1 : 0]);

	key->ports.word = local | remote << 16;
}

/* Ports or ICMP's facts; a later fragment has neither. Returns false for TCP behind extension headers. */
static __always_inline bool read_transport(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	__u32 protocol = packet->key.protocol;
	__be16 ports[2] = {};

	if (protocol == IPPROTO_TCP)
		return false;
	if (is_icmp(protocol)) {
		read_icmp(skb, packet);
		return !packet->is_wire_housekeeping;
	}
	if (!has_ports(protocol) || bpf_skb_load_bytes(skb, packet->header_length, ports, sizeof(ports)))
		return true;
	write_ports(&packet->key, ports, is_egress);
	return true;
}

/* Nearly every packet: UDP without options, extension headers and fragments, read where it lies. */
static __always_inline bool read_plain_udp(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	const void *end = (const void *)(long)skb->data_end;
	const struct ipv4_header *ipv4 = (const struct ipv4_header *)(long)skb->data;
	const struct ipv6_header *ipv6 = (const struct ipv6_header *)(long)skb->data;
	const __u64 *words = (const __u64 *)ipv6->source;

	if ((const void *)(ipv4 + 1) + 8 > end)
		return false;
	if (ipv4->version_length == 0x45 && ipv4->protocol == IPPROTO_UDP && !(ipv4->fragment & bpf_htons(0x1fff))) {
		write_ipv4(&packet->key.local_address, is_egress ? ipv4->source : ipv4->destination);
		write_ipv4(&packet->key.remote_address, is_egress ? ipv4->destination : ipv4->source);
		write_ports(&packet->key, (const __be16 *)(ipv4 + 1), is_egress);
		packet->header_length = sizeof(*ipv4);
	} else if ((const void *)(ipv6 + 1) + 8 <= end && ipv4->version_length >> 4 == 6 && ipv6->next_header == IPPROTO_UDP) {
		packet->key.local_address.words[0] = words[is_egress ? 0 : 2];
		packet->key.local_address.words[1] = words[is_egress ? 1 : 3];
		packet->key.remote_address.words[0] = words[is_egress ? 2 : 0];
		packet->key.remote_address.words[1] = words[is_egress ? 3 : 1];
		write_ports(&packet->key, (const __be16 *)(ipv6 + 1), is_egress);
		packet->header_length = sizeof(*ipv6);
	} else {
		return false;
	}
	packet->key.protocol = IPPROTO_UDP;
	return true;
}

static __always_inline bool read_ipv4(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	struct ipv4_header ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	write_ipv4(&packet->key.local_address, is_egress ? ip.source : ip.destination);
	write_ipv4(&packet->key.remote_address, is_egress ? ip.destination : ip.source);
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
	__builtin_memcpy(packet->key.local_address.bytes, is_egress ? ip.source : ip.destination, 16);
	__builtin_memcpy(packet->key.remote_address.bytes, is_egress ? ip.destination : ip.source, 16);
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
static __always_inline bool counts_here(struct __sk_buff *skb, struct flow *flow, __u64 tick)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	if (flow->receiver != cookie) {
		if (flow->receiver != 0 && (tick - flow->receiver_tick) * tick_nanoseconds < SECOND)
			return false;
		flow->receiver = cookie;
	}
	flow->receiver_tick = tick;
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
	record->local_port = packet->key.ports.local;
	record->message_length = length;
	record->is_answer = !is_egress;
	__builtin_memset(record->reserved, 0, sizeof(record->reserved));
	__builtin_memcpy(record->resolver_address, packet->key.remote_address.bytes, 16);
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

static __always_inline bool add_flow(__u64 id, const struct packet *packet, bool is_egress)
{
	struct flow flow = {};
	long result;

	flow.key = packet->key;
	flow.last_tick = bpf_jiffies64();
	flow.first_seen = bpf_ktime_get_coarse_ns(); /* exact to a timer tick, as every time of a flow */
	flow.icmp_type_code = packet->icmp_type_code;
	flow.flags = DATAGRAM_FIRST | (is_egress ? DATAGRAM_LOCAL_FIRST : 0);
	result = bpf_map_update_elem(&flows, &id, &flow, BPF_NOEXIST);
	return result == 0 || result == -17; /* EEXIST: another processor was quicker */
}

/* The flow of a packet, made when there is none. 0 when there is no room. */
static __always_inline struct flow *find_flow(__u64 id, const struct packet *packet, bool is_egress)
{
	struct datagram_losses *lost;

	for (int i = 0; i < FLOWS_PER_HASH; i++, id++) {
		struct flow *flow = bpf_map_lookup_elem(&flows, &id);

		if (!flow && add_flow(id, packet, is_egress))
			flow = bpf_map_lookup_elem(&flows, &id);
		if (!flow)
			break;
		if (is_equal(&flow->key, &packet->key))
			return flow;
	}
	lost = get_losses();
	if (lost)
		__sync_fetch_and_add(&lost->table_full, 1);
	return 0;
}

/*
 * Who sends, as far as that is known when a packet leaves: the task that runs now, when the socket is a program's and its
 * protocol sends nothing by itself. Else who made the socket.
 */
static __always_inline void name_owner(struct __sk_buff *skb, struct flow *flow, struct owner *owner, bool is_egress)
{
	if (is_egress && !owner->is_kernels && flow->key.protocol != IPPROTO_SCTP) {
		if (is_of_program(kernel_socket(skb)))
			read_task(owner, bpf_get_current_task_btf());
		else
			owner->is_kernels = 1;
	}
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

/* Where a socket lives, when its first packet is seen. Returns false for what is not a whole socket. */
static __always_inline bool place_socket(struct __sk_buff *skb, struct owner *owner)
{
	struct bpf_sock *sk = skb->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return false;
	owner->is_raw = sk->type == SOCK_RAW;
	owner->cgroup_id = bpf_skb_cgroup_id(skb);
	owner->network_namespace = namespace_of(kernel_socket(skb));
	owner->scope = hash_scope(owner->cgroup_id, owner->network_namespace);
	return true;
}

static __always_inline bool read_packet(struct __sk_buff *skb, bool is_egress, struct packet *packet)
{
	if (read_plain_udp(skb, is_egress, packet))
		return true;
	return skb->protocol == bpf_htons(0x0800) ? read_ipv4(skb, is_egress, packet) : read_ipv6(skb, is_egress, packet);
}

static __always_inline void follow(struct __sk_buff *skb, bool is_egress)
{
	struct packet packet = {};
	struct flow_key *key = &packet.key;
	struct bpf_sock *sk = skb->sk;
	struct owner *owner;
	struct flow *flow;
	__u64 scope, tick;

	if (!sk || !read_packet(skb, is_egress, &packet))
		return;
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!owner || (owner->network_namespace == 0 && !place_socket(skb, owner)))
		return;
	/* A raw socket listening in on UDP or SCTP gets copies of what another socket receives. */
	if (!is_egress && owner->is_raw && has_ports(key->protocol))
		return;
	key->cgroup_id = owner->cgroup_id;
	key->network_namespace = owner->network_namespace;
	scope = owner->scope;
	if (key->protocol != IPPROTO_UDP) { /* the kernel's own ICMP sockets serve every namespace in turn */
		key->network_namespace = namespace_of(kernel_socket(skb));
		scope = hash_scope(key->cgroup_id, key->network_namespace);
	}
	read_connected(sk, key);
	if (with_dns && key->protocol == IPPROTO_UDP && key->ports.remote == DNS_PORT)
		copy_dns(skb, &packet, is_egress, bpf_ktime_get_ns());
	if (!with_flows)
		return;
	flow = find_flow(hash_flow(key, scope), &packet, is_egress);
	if (!flow)
		return;
	tick = bpf_jiffies64(); /* one load; asking for the time takes 20 ns */
	if (flow->process == 0 && (is_egress || owner->process != 0))
		name_owner(skb, flow, owner, is_egress);
	if (!is_egress && (key->protocol != IPPROTO_UDP || skb->pkt_type != PACKET_HOST) && !counts_here(skb, flow, tick))
		return;
	flow->last_tick = tick;
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
	__u64 now; /* of `tick` */
	__u64 tick;
	__u64 walked;
	__u64 deferred;
	__u64 hurry; /* shift of the idle times: a table that fills forgets sooner */
};

static __always_inline bool report(struct flow *flow, __u64 last_seen)
{
	const struct flow_key *key = &flow->key;
	struct datagram_report *record = bpf_ringbuf_reserve(&reports, sizeof(*record), 0);
	struct counts now = flow->counts;

	if (!record)
		return false;
	record->bytes_sent = now.bytes_sent - flow->reported.bytes_sent;
	record->bytes_received = now.bytes_received - flow->reported.bytes_received;
	record->first_seen_nanoseconds = flow->first_seen;
	record->last_seen_nanoseconds = last_seen;
	record->cgroup_id = key->cgroup_id;
	record->packets_sent = now.packets_sent - flow->reported.packets_sent;
	record->packets_received = now.packets_received - flow->reported.packets_received;
	record->network_namespace = key->network_namespace;
	record->process = flow->process;
	record->local_port = is_icmp(key->protocol) ? 0 : key->ports.local;
	record->remote_port = is_icmp(key->protocol) ? 0 : key->ports.remote;
	record->icmp_type_code = flow->icmp_type_code;
	record->protocol = key->protocol;
	record->flags = flow->flags;
	__builtin_memcpy(record->local_address, key->local_address.bytes, 16);
	__builtin_memcpy(record->remote_address, key->remote_address.bytes, 16);
	__builtin_memcpy(record->process_name, flow->process_name, 16);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	flow->reported = now;
	flow->flags &= ~DATAGRAM_FIRST;
	return true;
}

/* When the ring buffer is full the walk stops, and the next begins anew. */
static long walk_flow(void *map, __u64 *id, struct flow *flow, struct walk *walk)
{
	__u64 limit = (is_icmp(flow->key.protocol) ? icmp_idle_nanoseconds : udp_idle_nanoseconds) >> walk->hurry;
	__u64 ticks = walk->tick > flow->last_tick ? walk->tick - flow->last_tick : 0;
	bool has_ended = ticks * tick_nanoseconds > limit;
	__u64 last_seen = walk->now - ticks * tick_nanoseconds;
	bool has_moved = flow->counts.packets_sent != flow->reported.packets_sent ||
			 flow->counts.packets_received != flow->reported.packets_received;

	walk->walked++;
	if (last_seen < flow->first_seen)
		last_seen = flow->first_seen;
	if (has_moved && !report(flow, last_seen)) {
		walk->deferred++;
		return 1;
	}
	if (has_ended)
		bpf_map_delete_elem(&flows, id);
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
	bpf_for_each_map_elem(&flows, walk_flow, &walk, 0);
	if (lost) {
		lost->walked = walk.walked;
		__sync_fetch_and_add(&lost->deferred, walk.deferred);
	}
	return 0;
}
