// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * TCP connections without a hook on the packet path.
 *
 * Attaches to: tp_btf/inet_sock_set_state (a connection starts and ends), iter/task_file (sockets that were there
 * before), and a syscall program that user space runs at each poll to walk the live sockets.
 * Writes: struct tcp_report into the ring buffer `reports`, only for sockets whose counters moved.
 * Cannot see: sockets of other protocols; who accepted a connection when several processes share a listener (the one
 * that called listen() is named).
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
#include "tcp.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* enum sock_flags in include/net/sock.h: SOCK_DONE is set when the other side's FIN has arrived. */
#define SOCK_DONE_BIT 1

struct owner {
	__u64 cgroup_id;
	__u32 process;
	char process_name[16];
	__u32 count; /* listeners only: sockets sharing the address by SO_REUSEPORT */
};

struct counters {
	__u64 bytes_sent;
	__u64 bytes_received;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 retransmits;
	__u32 srtt_microseconds;
};

struct connection {
	struct owner owner;
	struct counters reported; /* what the reports so far add up to */
	struct counters final;    /* valid when `closed`: the end waits for the next walk */
	__u64 opened_nanoseconds;
	__u32 network_namespace;
	__u32 error;
	__u16 local_port;
	__u16 remote_port;
	__u8 local_address[16];
	__u8 remote_address[16];
	__u8 role;
	__u8 flags;
	__u8 opened;  /* reached ESTABLISHED, and the tuple is complete */
	__u8 closed;
	__u32 claimed; /* 1 while one processor reports it: see claim() */
};

struct listener_key {
	__u32 network_namespace;
	__u32 port; /* host byte order */
	__u8 address[16];
};

/*
 * Live sockets by struct sock address. No preallocation: an entry of about 220 bytes costs memory only while its
 * socket lives. User space sets max_entries before loading; a full table is counted in `losses`.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, __u64);
	__type(value, struct connection);
} connections SEC(".maps");

/* Who listens where, so that an accepted socket has an owner before accept() runs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct listener_key);
	__type(value, struct owner);
} listeners SEC(".maps");

/* Listening sockets by struct sock address: a socket shared by forked processes counts once in its owner's `count`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} listening SEC(".maps");

/* 4 MiB hold about 32,000 reports: what 32,000 busy sockets say in one poll. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} reports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tcp_losses);
} losses SEC(".maps");

static __always_inline struct tcp_losses *get_losses(void)
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

/* A dual-stack socket talking IPv4 keeps the mapped form in its IPv6 fields, so both families end up alike. */
static __always_inline void read_addresses(struct sock *sk, __u8 *local, __u8 *remote)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		bpf_core_read(local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(remote, 16, &sk->__sk_common.skc_v6_daddr);
		return;
	}
	write_address(local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	write_address(remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
}

/* skc_num is cleared before the CLOSE event, inet_sport is not. */
static __always_inline __u16 local_port_of(struct sock *sk)
{
	return bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

static __always_inline __u32 network_namespace_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline void read_tuple(struct sock *sk, struct connection *connection)
{
	read_addresses(sk, connection->local_address, connection->remote_address);
	connection->local_port = local_port_of(sk);
	connection->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

static __always_inline void read_counters(struct sock *sk, struct counters *counters)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	bool fin_received = BPF_CORE_READ(sk, __sk_common.skc_flags) & (1UL << SOCK_DONE_BIT);

	counters->bytes_sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	counters->bytes_received = BPF_CORE_READ(tp, bytes_received);
	/* The FIN takes a sequence number, and bytes_received counts sequence numbers. */
	if (fin_received && counters->bytes_received > 0)
		counters->bytes_received--;
	counters->segments_sent = BPF_CORE_READ(tp, segs_out);
	counters->segments_received = BPF_CORE_READ(tp, segs_in);
	counters->retransmits = BPF_CORE_READ(tp, total_retrans);
	counters->srtt_microseconds = BPF_CORE_READ(tp, srtt_us) >> 3;
}

static __always_inline void read_owner(struct sock *sk, struct task_struct *task, struct owner *owner)
{
	owner->process = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_INTO(&owner->process_name, task, group_leader, comm);
	owner->cgroup_id = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	owner->count = 1;
}

static __always_inline struct owner *find_listener(struct sock *sk, const __u8 *local_address)
{
	struct listener_key key = {};
	struct owner *owner;

	key.network_namespace = network_namespace_of(sk);
	key.port = local_port_of(sk);
	__builtin_memcpy(key.address, local_address, 16);
	owner = bpf_map_lookup_elem(&listeners, &key);
	if (owner)
		return owner;
	__builtin_memset(key.address, 0, 16);
	owner = bpf_map_lookup_elem(&listeners, &key);
	if (owner)
		return owner;
	write_address(key.address, 0);
	return bpf_map_lookup_elem(&listeners, &key);
}

/*
 * The walk and the end of a socket may meet on two processors. Only who holds the claim compares counters with what was
 * reported and reports; the other leaves, so that nothing is reported twice.
 */
static __always_inline bool claim(struct connection *connection)
{
	return __sync_val_compare_and_swap(&connection->claimed, 0, 1) == 0;
}

static __always_inline void release(struct connection *connection)
{
	__sync_val_compare_and_swap(&connection->claimed, 1, 0);
}

/*
 * Counters are read one after the other while the socket goes on: a difference of two (bytes sent less those sent again, or
 * the FIN taken off) may be a little lower than before. Then nothing has moved.
 */
static __always_inline __u64 moved(__u64 now, __u64 reported)
{
	return now > reported ? now - reported : 0;
}

/* Sends what moved since the last report. Returns false when the ring buffer is full: nothing is changed then. */
static __always_inline bool report(struct connection *connection, const struct counters *now, __u8 flags)
{
	struct counters *reported = &connection->reported;
	struct tcp_report *record = bpf_ringbuf_reserve(&reports, sizeof(*record), 0);
	__u64 record_bytes_sent, record_bytes_received;

	if (!record)
		return false;
	record_bytes_sent = moved(now->bytes_sent, reported->bytes_sent);
	record_bytes_received = moved(now->bytes_received, reported->bytes_received);
	record->bytes_sent = record_bytes_sent;
	record->bytes_received = record_bytes_received;
	record->opened_nanoseconds = connection->opened_nanoseconds;
	record->cgroup_id = connection->owner.cgroup_id;
	record->segments_sent = moved(now->segments_sent, reported->segments_sent);
	record->segments_received = moved(now->segments_received, reported->segments_received);
	record->retransmits = moved(now->retransmits, reported->retransmits);
	record->srtt_microseconds = now->srtt_microseconds;
	record->network_namespace = connection->network_namespace;
	record->process = connection->owner.process;
	record->error = connection->error;
	record->local_port = connection->local_port;
	record->remote_port = connection->remote_port;
	__builtin_memcpy(record->local_address, connection->local_address, 16);
	__builtin_memcpy(record->remote_address, connection->remote_address, 16);
	__builtin_memcpy(record->process_name, connection->owner.process_name, 16);
	record->role = connection->role;
	record->flags = connection->flags | flags | (connection->opened ? 0 : REPORT_UNOPENED);
	__builtin_memset(record->reserved, 0, sizeof(record->reserved));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	reported->bytes_sent += record_bytes_sent;
	reported->bytes_received += record_bytes_received;
	reported->segments_sent = now->segments_sent;
	reported->segments_received = now->segments_received;
	reported->retransmits = now->retransmits;
	connection->flags &= ~REPORT_FIRST;
	return true;
}

static __always_inline void add_connection(struct sock *sk, struct connection *connection, __u64 mode)
{
	__u64 key = (__u64)sk;
	struct tcp_losses *lost = get_losses();
	struct connection *waiting = bpf_map_lookup_elem(&connections, &key);

	if (waiting && mode == BPF_ANY && waiting->closed && lost)
		__sync_fetch_and_add(&lost->overwritten, 1);
	connection->opened_nanoseconds = bpf_ktime_get_ns();
	connection->network_namespace = network_namespace_of(sk);
	connection->flags |= REPORT_FIRST;
	if (bpf_map_update_elem(&connections, &key, connection, mode) == -7 /* E2BIG */ && lost)
		__sync_fetch_and_add(&lost->table_full, 1);
}

static __always_inline void open_client(struct sock *sk)
{
	struct connection connection = {};

	/* connect() runs in its process; the local port is chosen later, so the tuple is read again when reported. */
	read_owner(sk, bpf_get_current_task_btf(), &connection.owner);
	read_tuple(sk, &connection);
	connection.role = ROLE_CLIENT;
	add_connection(sk, &connection, BPF_ANY);
}

static __always_inline void open_server(struct sock *sk)
{
	struct connection connection = {};
	struct owner *listener;

	read_tuple(sk, &connection);
	listener = find_listener(sk, connection.local_address);
	if (listener)
		connection.owner = *listener;
	connection.owner.cgroup_id = BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	connection.role = ROLE_SERVER;
	connection.opened = 1;
	add_connection(sk, &connection, BPF_ANY);
}

static __always_inline void close_connection(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);
	struct tcp_losses *lost = get_losses();
	bool claimed;

	if (!connection)
		return;
	claimed = claim(connection);
	if (claimed)
		read_tuple(sk, connection);
	read_counters(sk, &connection->final);
	connection->error = BPF_CORE_READ(sk, sk_err);
	if (claimed && report(connection, &connection->final, REPORT_CLOSED)) {
		bpf_map_delete_elem(&connections, &key);
		return;
	}
	connection->closed = 1;
	if (claimed)
		release(connection);
	if (lost)
		__sync_fetch_and_add(&lost->deferred, 1);
}

static __always_inline void add_listener(struct sock *sk, struct task_struct *task)
{
	struct listener_key key = {};
	struct owner owner = {};
	struct owner *known;
	__u64 socket = (__u64)sk;
	__u8 remote[16], one = 1;

	key.network_namespace = network_namespace_of(sk);
	key.port = local_port_of(sk);
	read_addresses(sk, key.address, remote);
	if (bpf_map_update_elem(&listening, &socket, &one, BPF_NOEXIST))
		return; /* the same socket by another of its file descriptors */
	known = bpf_map_lookup_elem(&listeners, &key);
	if (known) {
		__sync_fetch_and_add(&known->count, 1);
		return;
	}
	read_owner(sk, task, &owner);
	bpf_map_update_elem(&listeners, &key, &owner, BPF_ANY);
}

static __always_inline void remove_listener(struct sock *sk)
{
	struct listener_key key = {};
	struct owner *known;
	__u64 socket = (__u64)sk;
	__u8 remote[16];

	if (bpf_map_delete_elem(&listening, &socket))
		return;
	key.network_namespace = network_namespace_of(sk);
	key.port = local_port_of(sk);
	read_addresses(sk, key.address, remote);
	known = bpf_map_lookup_elem(&listeners, &key);
	if (!known)
		return;
	if (known->count > 1)
		__sync_fetch_and_add(&known->count, -1);
	else
		bpf_map_delete_elem(&listeners, &key);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(follow_state, struct sock *sk, int oldstate, int newstate)
{
	__u64 key = (__u64)sk;
	struct connection *connection;

	if (!is_tcp(sk))
		return 0;
	if (newstate == TCP_SYN_SENT) {
		open_client(sk);
	} else if (newstate == TCP_ESTABLISHED) {
		connection = bpf_map_lookup_elem(&connections, &key);
		if (oldstate == TCP_SYN_SENT || (connection && connection->role == ROLE_CLIENT && !connection->opened)) {
			if (connection) {
				read_tuple(sk, connection);
				connection->opened = 1;
			}
		} else {
			open_server(sk);
		}
	} else if (newstate == TCP_LISTEN) {
		add_listener(sk, bpf_get_current_task_btf());
	} else if (newstate == TCP_CLOSE) {
		if (oldstate == TCP_LISTEN)
			remove_listener(sk);
		else
			close_connection(sk);
	}
	return 0;
}

/* Run once at the start, after follow_state is attached: sockets that were there before. */
SEC("iter/task_file")
int find_sockets(struct bpf_iter__task_file *context)
{
	struct connection connection = {};
	struct task_struct *task = context->task;
	struct file *file = context->file;
	struct socket *socket;
	struct sock *sk;
	__u8 state;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || !is_tcp(sk))
		return 0;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_LISTEN) {
		add_listener(sk, task);
		return 0;
	}
	if (state == TCP_CLOSE || state == TCP_SYN_SENT)
		return 0;
	read_owner(sk, task, &connection.owner);
	read_tuple(sk, &connection);
	read_counters(sk, &connection.reported);
	/* A child inherits its listener's backlog; a socket that connected has none. */
	connection.role = BPF_CORE_READ(sk, sk_max_ack_backlog) > 0 ? ROLE_SERVER : ROLE_CLIENT;
	connection.opened = 1;
	connection.flags = REPORT_OLDER;
	add_connection(sk, &connection, BPF_NOEXIST);
	return 0;
}

struct walk {
	__u64 walked;
	__u64 deferred;
};

/*
 * The entry outlives its socket only if the CLOSE event was missed (a socket found by the iterator while it closed). Its
 * memory may then belong to another socket: another tuple, or state CLOSE, says so.
 */
static __always_inline bool is_same_socket(struct sock *sk, const struct connection *connection)
{
	__u8 local[16] = {}, remote[16] = {};

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
		return false;
	if (connection->local_port != local_port_of(sk) ||
	    connection->remote_port != bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)))
		return false;
	read_addresses(sk, local, remote);
	for (int i = 0; i < 16; i++)
		if (remote[i] != connection->remote_address[i])
			return false;
	return true;
}

enum walked { WALKED_KEPT, WALKED_NO_ROOM, WALKED_DELETED };

static __always_inline enum walked walk_claimed(struct sock *sk, struct connection *connection, struct walk *walk)
{
	__u64 key = (__u64)sk;
	struct counters now = {};

	if (connection->closed || !is_same_socket(sk, connection)) {
		const struct counters *last = connection->closed ? &connection->final : &connection->reported;

		if (!report(connection, last, REPORT_CLOSED))
			return WALKED_NO_ROOM;
		bpf_map_delete_elem(&connections, &key);
		return WALKED_DELETED;
	}
	read_counters(sk, &now);
	if (!(connection->flags & REPORT_FIRST) && now.segments_sent == connection->reported.segments_sent &&
	    now.segments_received == connection->reported.segments_received)
		return WALKED_KEPT;
	if (report(connection, &now, 0))
		return WALKED_KEPT;
	walk->deferred++;
	return WALKED_NO_ROOM;
}

/* When the ring buffer is full the walk stops: there is no room for anybody's report, and the next walk begins anew. */
static long walk_connection(void *map, const __u64 *key, struct connection *connection, struct walk *walk)
{
	enum walked result;

	walk->walked++;
	if ((!connection->opened && !connection->closed) || !claim(connection))
		return 0;
	result = walk_claimed((struct sock *)*key, connection, walk);
	if (result != WALKED_DELETED) /* the memory may be another connection's by now */
		release(connection);
	return result == WALKED_NO_ROOM;
}

SEC("syscall")
int walk_sockets(void *context)
{
	struct walk walk = {};
	struct tcp_losses *lost = get_losses();

	bpf_for_each_map_elem(&connections, walk_connection, &walk, 0);
	if (lost) {
		lost->walked = walk.walked;
		__sync_fetch_and_add(&lost->deferred, walk.deferred);
	}
	return 0;
}
