/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The look at every live socket that user space asks for once a poll. Included by tcp.bpf.c only. */
#pragma once

/* A socket is entered a moment before its state says so, and its port is chosen a moment after. */
#define SETTLED_NANOSECONDS 1000000000ULL

extern void *bpf_rdonly_cast(const void *obj__ign, __u32 btf_id__k) __ksym __weak;

__u32 walks;

struct walk {
	__u64 walked;
	__u64 deferred;
	__u64 missed;
};

enum walked { WALKED_KEPT, WALKED_AGAIN, WALKED_NO_ROOM, WALKED_DELETED };

/* An entry outlives its socket only if all that tells of its end was missed. Its memory is another socket's then, or nobody's: the cookie says so, or the ports. */
static __always_inline bool has_gone(struct sock *sk, const struct connection *connection)
{
	return !is_of_socket(sk, false, &connection->facts);
}

/* The socket is there, and closed, and not told as such: the end is about to be followed, or it was left out, and a program holds the socket still. */
static __always_inline bool is_closed(struct sock *sk, const struct connection *connection)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_CLOSE)
		return false;
	return connection->facts.opened || bpf_ktime_get_ns() - connection->facts.opened_nanoseconds > SETTLED_NANOSECONDS;
}

/* Its counters stand still. It is told by who follows the end, or by the next walk. */
static __always_inline enum walked walk_closed(struct sock *sk, struct connection *connection)
{
	__u16 local_port = local_port_of(sk, false);
	__u32 error = BPF_CORE_READ(sk, sk_err);
	bool was_open = BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt) != 0;
	bool is_dead = BPF_CORE_READ(sk, __sk_common.skc_flags) & (1UL << SOCK_DEAD_BIT);
	struct counters final = {};

	read_counters((struct tcp_sock *)sk, false, &final);
	if (has_gone(sk, connection) || *(volatile __u8 *)&connection->closed)
		return WALKED_AGAIN; /* meanwhile: its memory may be another's */
	connection->final = final;
	if (!connection->facts.opened) {
		connection->facts.local_port = local_port;
		connection->facts.opened = was_open;
	}
	end_attempt(&connection->facts);
	connection->error = connection->facts.opened && is_dead ? 0 : error;
	*(volatile __u8 *)&connection->closed = 1;
	count_loss(nested);
	return WALKED_AGAIN;
}

static __always_inline enum walked walk_gone(__u64 key, struct connection *connection, struct walk *walk)
{
	bool missed = !connection->closed;

	if (missed) {
		end_attempt(&connection->facts);
		as_reported(connection, &connection->final);
	}
	if (report(connection, &connection->final, REPORT_CLOSED)) {
		walk->missed += missed;
		forget(&connections, key, connection->slot);
		return WALKED_DELETED;
	}
	walk->deferred++;
	return WALKED_NO_ROOM;
}

/* A client that has no answer yet is reported once, without counters, so that others' records of it are recognised. */
static __always_inline enum walked walk_attempt(struct sock *sk, struct connection *connection, struct walk *walk)
{
	struct counters now;

	if (connection->any_reported)
		return WALKED_KEPT;
	read_tuple(sk, false, &connection->facts);
	if (connection->facts.local_port == 0)
		return WALKED_KEPT; /* connect() is about to choose it */
	as_reported(connection, &now);
	if (report(connection, &now, 0))
		return WALKED_KEPT;
	walk->deferred++;
	return WALKED_NO_ROOM;
}

static __always_inline enum walked walk_claimed(__u64 key, struct connection *connection, struct walk *walk)
{
	struct sock *sk = (struct sock *)(key & ADDRESS_BITS);
	struct counters now = {};
	enum walked told = WALKED_KEPT;
	__u8 state;

	if (connection->closed || !is_address(key) || has_gone(sk, connection))
		return walk_gone(key, connection, walk);
	if (is_closed(sk, connection))
		return walk_closed(sk, connection);
	if (!connection->facts.opened) {
		state = BPF_CORE_READ(sk, __sk_common.skc_state);
		if (state == TCP_SYN_SENT || state == TCP_SYN_RECV || state == TCP_CLOSE)
			return walk_attempt(sk, connection, walk);
		read_tuple(sk, false, &connection->facts); /* the event was missed that says so */
		connection->facts.opened = 1;
	}
	if (!read_counters((struct tcp_sock *)sk, false, &now)) {
		/* An octet too few is made good by the next walk, one too many by none. */
		told = WALKED_AGAIN;
		if (now.bytes_received > 0)
			now.bytes_received--;
	}
	if (has_gone(sk, connection) || is_closed(sk, connection))
		return WALKED_KEPT; /* it ended meanwhile, and its memory may be another's: the end tells, or the next walk */
	if (connection->any_reported && connection->opening_reported &&
	    now.segments_sent == connection->reported.segments_sent &&
	    now.segments_received == connection->reported.segments_received &&
	    now.bytes_received <= connection->reported.bytes_received)
		return told;
	if (report(connection, &now, 0))
		return told;
	walk->deferred++;
	return WALKED_NO_ROOM;
}

/* The walk has seen the socket: it is left alone while its counters stand still, unless its end waits to be reported. */
static __always_inline void settle(struct slot *slot, const struct connection *connection, __u32 clock)
{
	if (!connection->facts.opened || !connection->any_reported || !connection->opening_reported) {
		slot->cookie = 0;
		return;
	}
	slot->segments_sent = connection->reported.segments_sent;
	slot->clock = clock;
	slot->cookie = connection->facts.cookie;
	if (*(volatile __u8 *)&connection->closed)
		slot->cookie = 0; /* it ended meanwhile */
}

/* Returns 1 when the ring buffer is full: there is no room for anybody's report, and the next walk begins anew. */
static __noinline int walk_entry(__u32 index, struct walk *walk)
{
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);
	struct connection *connection;
	enum walked result;
	__u32 clock;
	__u64 key;

	if (!slot || !walk)
		return 0;
	key = *(volatile __u64 *)&slot->key;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection || !claim(connection))
		return 0;
	/* Its connection may have ended since the slot was read, and the memory be another connection's. */
	if (*(volatile __u64 *)&slot->key != key) {
		release(connection);
		return 0;
	}
	if (connection->slot != index) { /* this memory is another connection's since */
		release(connection);
		return 0;
	}
	/* Before the counters: what comes between moves the clock again. Where there is no socket it reads 0. */
	clock = BPF_CORE_READ((struct tcp_sock *)(key & ADDRESS_BITS), tcp_clock_cache);
	result = walk_claimed(key, connection, walk);
	if (result == WALKED_DELETED) /* the memory may be another connection's by now */
		return 0;
	if (result == WALKED_AGAIN)
		slot->cookie = 0;
	else
		settle(slot, connection, clock);
	release(connection);
	return result == WALKED_NO_ROOM;
}

/*
 * An end whose event was missed may leave counters as they were: every fourth walk asks a socket for its cookie and its state
 * too, which lie elsewhere in it. `sk` may be no socket any more, so each field is read through the exception table.
 */
static __always_inline bool has_turn(__u32 index)
{
	return ((index ^ walks) & 3) == 0;
}

/* For bpf_loop(), which the verifier turns into a loop: nothing is called through a pointer, so the processor loads ahead. */
static long walk_slot_directly(__u32 index, struct walk *walk)
{
	const struct slot *slot = bpf_map_lookup_elem(&slots, &index);
	const struct tcp_sock *tp;
	const struct sock *sk;

	if (!slot || slot->key == 0)
		return 0;
	walk->walked++;
	if (slot->cookie == 0)
		return walk_entry(index, walk);
	tp = bpf_rdonly_cast((void *)(slot->key & ADDRESS_BITS), bpf_core_type_id_kernel(struct tcp_sock));
	if (tp->segs_out != slot->segments_sent || (__u32)tp->tcp_clock_cache != slot->clock)
		return walk_entry(index, walk);
	if (!has_turn(index))
		return 0;
	sk = bpf_rdonly_cast((void *)(slot->key & ADDRESS_BITS), bpf_core_type_id_kernel(struct sock));
	if ((__u64)sk->__sk_common.skc_cookie.counter == slot->cookie && sk->__sk_common.skc_state != TCP_CLOSE)
		return 0;
	return walk_entry(index, walk);
}

/* The same for a kernel without bpf_rdonly_cast(), which came with 6.2, and perhaps without bpf_loop(). */
static long walk_slot_by_helper(void *map, const __u32 *index, struct slot *slot, struct walk *walk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)(slot->key & ADDRESS_BITS);
	const struct sock *sk = (const struct sock *)(slot->key & ADDRESS_BITS);

	if (*index >= slots_used)
		return 1;
	if (slot->key == 0)
		return 0;
	walk->walked++;
	if (slot->cookie == 0)
		return walk_entry(*index, walk);
	if (BPF_CORE_READ(tp, segs_out) != slot->segments_sent ||
	    (__u32)BPF_CORE_READ(tp, tcp_clock_cache) != slot->clock)
		return walk_entry(*index, walk);
	if (!has_turn(*index))
		return 0;
	if ((__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) == slot->cookie &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_CLOSE)
		return 0;
	return walk_entry(*index, walk);
}

static __always_inline void end_walk(const struct walk *walk)
{
	struct tcp_losses *lost = get_losses();

	walks++;
	forget_recent_cgroups();
	if (!lost)
		return;
	lost->walked = walk->walked;
	__sync_fetch_and_add(&lost->deferred, walk->deferred);
	__sync_fetch_and_add(&lost->missed, walk->missed);
}
