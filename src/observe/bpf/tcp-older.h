/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Sockets that were there before the programs, MPTCP's among them. Included by tcp.bpf.c only. */
#pragma once

#define SUBFLOWS_MAX 9 /* the first, and the 8 that `ip mptcp limits` allows at most; further ones are not seen */

static __always_inline bool is_mptcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP &&
	       bpf_core_field_exists(((struct mptcp_sock *)0)->first);
}

/*
 * `tcp` is the TCP socket, `cookie` its own; `sk` is the same, or the MPTCP socket above it, whose owner is its owner. Not inlined:
 * the connection has a stack frame of its own.
 */
static __noinline int add_older(struct sock *sk, struct sock *tcp, __u64 cookie, struct task_struct *task)
{
	struct connection connection = {};
	struct counters *now = &connection.final; /* no reader before the end; the stack has no room for others */
	__u8 state = BPF_CORE_READ(tcp, __sk_common.skc_state);

	if (state == TCP_LISTEN) {
		add_listener(sk, (__u64)tcp, task);
		return 0;
	}
	if (state == TCP_CLOSE || is_young(number_of(tcp), cookie)) /* it began meanwhile */
		return 0;
	read_owner(sk, task, &connection.facts.owner);
	read_tuple(tcp, false, &connection.facts);
	read_counters((struct tcp_sock *)tcp, false, now);
	connection.reported.bytes_sent = now->bytes_sent;
	connection.reported.bytes_received = now->bytes_received;
	connection.reported.segments_sent = now->segments_sent;
	connection.reported.segments_received = now->segments_received;
	connection.reported.retransmits = now->retransmits;
	/* A child inherits its listener's backlog; a socket that connected has none. See settle_role() for listen(fd, 0). */
	connection.facts.role = BPF_CORE_READ(tcp, sk_max_ack_backlog) > 0 ? ROLE_SERVER : ROLE_CLIENT;
	connection.older = 1;
	connection.facts.opened_nanoseconds = bpf_ktime_get_ns();
	/* One that waits for an answer opens later, or fails. */
	connection.facts.opened = state != TCP_SYN_SENT;
	connection.opening_reported = connection.facts.opened;
	connection.facts.cookie = cookie;
	connection.facts.network_namespace = network_namespace_of(sk);
	add_connection(address_of(tcp), &connection, true);
	return 0;
}

static __always_inline bool has_entry(struct sock *tcp, __u64 cookie)
{
	__u64 key = address_of(tcp);
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);

	if (is_young(number_of(tcp), cookie) || (connection && is_of_socket(tcp, false, &connection->facts)))
		return true;
	key += BESIDE;
	connection = bpf_map_lookup_elem(&connections, &key);
	return connection && is_of_socket(tcp, false, &connection->facts);
}

/*
 * Looked for again: a server's end whose begin was left out (tcp-nested.h). A file holds it, so its ESTABLISHED event is over; no walk is at work,
 * so that what has an entry has it where it is looked for. `was_given`: the cookie that it had before. Not inlined, as above.
 */
static __noinline int add_missed(struct sock *sk, struct sock *tcp, __u64 cookie, __u64 was_given, struct task_struct *task)
{
	__u8 state = BPF_CORE_READ(tcp, __sk_common.skc_state);
	__u64 opened = opened_meanwhile((struct tcp_sock *)tcp, was_given);
	struct connection connection = {};
	__u64 key = address_of(tcp);

	if (state == TCP_LISTEN || state == TCP_CLOSE || state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		return 0;
	if (!opened || has_entry(tcp, cookie))
		return 0;
	read_tuple(tcp, false, &connection.facts);
	connection.facts.network_namespace = network_namespace_of(sk);
	if (!was_accepted(tcp, connection.facts.network_namespace))
		return 0;
	read_owner(sk, task, &connection.facts.owner);
	connection.facts.role = ROLE_SERVER;
	connection.facts.opened = 1;
	connection.facts.opened_nanoseconds = opened;
	connection.facts.cookie = cookie;
	if (!take_slot(&connection.slot))
		return 0; /* it may be one that was counted already */
	if (bpf_map_update_elem(&connections, &key, &connection, BPF_NOEXIST)) {
		free_slot(connection.slot);
		return 0;
	}
	if (BPF_CORE_READ(tcp, __sk_common.skc_state) == TCP_CLOSE) {
		forget(&connections, key, connection.slot); /* meanwhile, and it may have been told */
		return 0;
	}
	fill_slot(connection.slot, key);
	count_loss(nested);
	return 0;
}

/* The programs cannot ask for a cookie of a socket that they know as a number only: a subflow may have none yet. */
static __always_inline void add_subflow(struct sock *sk, struct sock *tcp, struct task_struct *task)
{
	__u64 cookie = tcp ? BPF_CORE_READ(tcp, __sk_common.skc_cookie.counter) : 0;

	if (tcp && !settled_nanoseconds)
		add_older(sk, tcp, cookie, task);
	else if (tcp)
		add_missed(sk, tcp, cookie, cookie, task);
}

static __always_inline void add_found(struct sock *sk, struct task_struct *task)
{
	__u64 was_given = sk->__sk_common.skc_cookie.counter;
	__u64 cookie = bpf_get_socket_cookie(sk);

	if (!settled_nanoseconds)
		add_older(sk, sk, cookie, task);
	else
		add_missed(sk, sk, cookie, was_given, task);
}

/* The file is the MPTCP socket's; the TCP sockets below it have none. The list holds the first one too, but not when it listens. */
static __always_inline void add_mptcp(struct sock *sk, struct task_struct *task)
{
	struct mptcp_sock *mptcp = (struct mptcp_sock *)sk;
	struct list_head *node = BPF_CORE_READ(mptcp, conn_list.next);

	add_subflow(sk, BPF_CORE_READ(mptcp, first), task);
	for (int i = 0; i < SUBFLOWS_MAX; i++) {
		struct mptcp_subflow_context *subflow = (void *)node - __builtin_preserve_field_info(
			((struct mptcp_subflow_context *)0)->node, BPF_FIELD_BYTE_OFFSET);

		if (!node || node == &mptcp->conn_list)
			break;
		add_subflow(sk, BPF_CORE_READ(subflow, tcp_sock), task);
		node = BPF_CORE_READ(node, next);
	}
}

/* Once every listener is known. */
static long settle_role(void *map, const __u64 *key, struct connection *connection, void *context)
{
	struct listener *listener;

	if (!connection->older || !connection->facts.opened || connection->facts.role != ROLE_CLIENT)
		return 0;
	listener = find_listener(connection->facts.network_namespace, connection->facts.local_port, connection->facts.local_address);
	/* With a backlog its children would have one: this socket connected from the port that another listens on. */
	if (listener && listener->has_no_backlog)
		connection->facts.role = ROLE_SERVER;
	return 0;
}
