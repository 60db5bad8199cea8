/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The look at every live socket that user space asks for once a poll. Included by tcp.bpf.c only. */
#pragma once

/* A socket is entered a moment before its state says so, and its port is chosen a moment after. */
#define SETTLED_NANOSECONDS 1000000000ULL

struct walk {
	__u64 walked;
	__u64 deferred;
	__u64 missed;
};

enum walked { WALKED_KEPT, WALKED_NO_ROOM, WALKED_DELETED };

/*
 * An entry outlives its socket only if the CLOSE event was missed: by a socket that the iterator found while it closed, or
 * since the program does not interrupt itself. Its memory may then be another socket's: the cookie says so, or the ports.
 */
static __always_inline bool has_gone(struct sock *sk, __u64 key, const struct connection *connection)
{
	if (is_subflow_key(key)) {
		if (local_port_of(sk) != connection->local_port ||
		    bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)) != connection->remote_port)
			return true;
	} else if ((__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) != key) {
		return true;
	}
	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_CLOSE)
		return false;
	return connection->opened || bpf_ktime_get_ns() - connection->opened_nanoseconds > SETTLED_NANOSECONDS;
}

static __always_inline enum walked walk_gone(__u64 key, struct connection *connection, struct walk *walk)
{
	bool missed = !connection->closed;
	const struct counters *last = missed ? &connection->reported : &connection->final;

	if (missed)
		connection->closed_nanoseconds = bpf_ktime_get_ns();
	if (report(connection, last, REPORT_CLOSED)) {
		walk->missed += missed;
		bpf_map_delete_elem(&connections, &key);
		return WALKED_DELETED;
	}
	walk->deferred++;
	return WALKED_NO_ROOM;
}

/* A client that has no answer yet is reported once, without counters, so that others' records of it are recognised. */
static __always_inline enum walked walk_attempt(struct sock *sk, struct connection *connection, struct walk *walk)
{
	if (connection->any_reported)
		return WALKED_KEPT;
	read_tuple(sk, connection);
	if (connection->local_port == 0)
		return WALKED_KEPT; /* connect() is about to choose it */
	if (report(connection, &connection->reported, 0))
		return WALKED_KEPT;
	walk->deferred++;
	return WALKED_NO_ROOM;
}

static __always_inline enum walked walk_claimed(__u64 key, struct connection *connection, struct walk *walk)
{
	struct sock *sk = (struct sock *)connection->socket;
	struct counters now = {};
	__u8 state;

	if (connection->closed || has_gone(sk, key, connection))
		return walk_gone(key, connection, walk);
	if (!connection->opened) {
		state = BPF_CORE_READ(sk, __sk_common.skc_state);
		if (state == TCP_SYN_SENT || state == TCP_SYN_RECV || state == TCP_CLOSE)
			return walk_attempt(sk, connection, walk);
		read_tuple(sk, connection); /* the event was missed that says so */
		connection->opened = 1;
	}
	read_counters(sk, &now);
	if (has_gone(sk, key, connection))
		return WALKED_KEPT; /* it ended meanwhile, and its memory may be another's: the end tells, or the next walk */
	if (connection->any_reported && connection->opening_reported &&
	    now.segments_sent == connection->reported.segments_sent &&
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
	if (!claim(connection))
		return 0;
	result = walk_claimed(*key, connection, walk);
	if (result != WALKED_DELETED) /* the memory may be another connection's by now */
		release(connection);
	return result == WALKED_NO_ROOM;
}
