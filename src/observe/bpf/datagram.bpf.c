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

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EEXIST 17
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

struct counts {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 packets_sent;
	__u64 packets_received;
};

/* Whose copies count, where several sockets get one. */
struct receiver {
	__u64 socket; /* its cookie; 0 before the first */
	__u64 tick;   /* of its last copy */
};

/* What every packet needs comes first: two cache lines. */
struct flow {
	struct counts counts;
	__u64 last_tick; /* the kernel's jiffies */
	struct receiver receiver;
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

/*
 * By a hash of namespace, addresses, protocol and ICMP's type: a flow is a cgroup's, and raw sockets of several cgroups get
 * copies of the same packet. Of more than these the ones that rested longest are forgotten, and a copy of theirs may count twice.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, struct receiver);
} raw_receivers SEC(".maps");

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

static __always_inline struct datagram_losses *get_losses(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&losses, &zero);
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
	read_process_name(owner->process_name, task);
}

/*
 * Where several sockets get a copy each (multicast, broadcast, raw sockets), one of them counts: the one that was first, and
 * when it has been silent for a second, the next.
 */
static __always_inline bool counts_here(struct __sk_buff *skb, struct receiver *receiver, __u64 tick)
{
	__u64 cookie = bpf_get_socket_cookie(skb);

	if (receiver->socket != cookie) {
		if (receiver->socket != 0 && (tick - receiver->tick) * tick_nanoseconds < SECOND)
			return false;
		receiver->socket = cookie;
	}
	receiver->tick = tick;
	return true;
}

/* The same for what every raw socket of a namespace gets, whatever its cgroup; `id` is the flow's hash without a cgroup. */
static __always_inline bool counts_at_raw(struct __sk_buff *skb, __u64 id, __u64 tick)
{
	struct receiver *known = bpf_map_lookup_elem(&raw_receivers, &id);
	struct receiver receiver = {};

	if (known)
		return counts_here(skb, known, tick);
	receiver.socket = bpf_get_socket_cookie(skb);
	receiver.tick = tick;
	/* Where another processor was quicker, its socket counts. */
	return bpf_map_update_elem(&raw_receivers, &id, &receiver, BPF_NOEXIST) != -EEXIST;
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

static __always_inline bool is_unused(const struct flow *flow)
{
	return (flow->counts.packets_sent | flow->counts.packets_received) == 0;
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
	return result == 0 || result == -EEXIST; /* another processor was quicker */
}

/* The flow of a packet; with `may_add` made when there is none. 0 when there is none, or no room. */
static __always_inline struct flow *find_flow(__u64 id, const struct packet *packet, bool is_egress, bool may_add)
{
	struct datagram_losses *lost;

	for (int i = 0; i < FLOWS_PER_HASH; i++, id++) {
		struct flow *flow = bpf_map_lookup_elem(&flows, &id);

		if (!flow && !may_add)
			return 0;
		if (!flow && add_flow(id, packet, is_egress))
			flow = bpf_map_lookup_elem(&flows, &id);
		if (!flow)
			break;
		if (is_equal(&flow->key, &packet->key))
			return flow;
	}
	lost = get_losses();
	if (lost && may_add)
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
	__u32 network_namespace = namespace_of(kernel_socket(skb));

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk)
		return false;
	owner->is_raw = sk->type == SOCK_RAW;
	owner->cgroup_id = bpf_skb_cgroup_id(skb);
	owner->scope = hash_scope(owner->cgroup_id, network_namespace);
	/* Last, and seen last: another processor takes it to mean that the rest is there. */
	__sync_lock_test_and_set(&owner->network_namespace, network_namespace);
	return true;
}

static __always_inline void follow(struct __sk_buff *skb, bool is_egress)
{
	struct packet packet = {};
	struct flow_key *key = &packet.key;
	struct bpf_sock *sk = skb->sk;
	struct owner *owner;
	struct flow *flow;
	__u64 scope, tick;
	bool is_raw_copy;

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
	tick = bpf_jiffies64(); /* one load; asking for the time takes 20 ns */
	/*
	 * Every raw socket of a namespace gets what came for one of them. An echo reply is for who asked; a request the kernel
	 * answers, and counts where it does.
	 */
	is_raw_copy = !is_egress && owner->is_raw;
	if (is_raw_copy && !packet.is_echo && !counts_at_raw(skb, hash_flow(key, hash_scope(0, key->network_namespace)), tick))
		return;
	flow = find_flow(hash_flow(key, scope), &packet, is_egress, !is_raw_copy || !packet.is_echo);
	if (!flow)
		return;
	if (flow->process == 0 && (is_egress || is_unused(flow)))
		name_owner(skb, flow, owner, is_egress);
	if ((is_raw_copy ? packet.is_echo : !is_egress && skb->pkt_type != PACKET_HOST) &&
	    !counts_here(skb, &flow->receiver, tick))
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

/*
 * What a socket has just sent may wait in a queue before the machine's address translation has seen it; then nobody knows yet
 * where it goes. An answer says that it went.
 */
static __always_inline bool may_be_queued(const struct flow *flow, const struct walk *walk)
{
	return !flow->reported.packets_sent && !flow->counts.packets_received &&
	       walk->now < flow->first_seen + 900000000ULL;
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
	if (may_be_queued(flow, walk))
		return 0;
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
