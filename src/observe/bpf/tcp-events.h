/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a socket's states say: it begins, opens and ends. Included by tcp.bpf.c only. */
#pragma once

#include "tcp-nested.h"

/* connect() runs in its process; the local port is chosen later, so the tuple is read again when reported. */
static __always_inline void begin_client(struct sock *sk, struct facts *facts)
{
	read_owner(sk, bpf_get_current_task_btf(), &facts->owner);
	read_tuple(sk, true, facts);
	facts->network_namespace = network_namespace_of(sk);
	facts->role = ROLE_CLIENT;
	facts->opened = 0;
	facts->connect_microseconds = 0;
	facts->opened_nanoseconds = bpf_ktime_get_ns();
	if (sk->sk_bpf_storage)
		bpf_sk_storage_delete(&told_errors, sk); /* of an attempt before */
	facts->cookie = bpf_get_socket_cookie(sk);
}

/* `is_live`, a constant: it has its local port still. */
static __always_inline void begin_server(struct sock *sk, bool is_live, struct facts *facts)
{
	struct listener *listener;

	read_tuple(sk, is_live, facts);
	facts->network_namespace = network_namespace_of(sk);
	listener = find_listener(facts->network_namespace, facts->local_port, facts->local_address);
	if (listener)
		facts->owner = listener->owner;
	else
		__builtin_memset(&facts->owner, 0, sizeof(facts->owner));
	facts->owner.cgroup_id = read_cgroup(sk);
	facts->role = ROLE_SERVER;
	facts->opened = 1;
	facts->connect_microseconds = 0;
	facts->opened_nanoseconds = segment_clock(bpf_skc_to_tcp_sock(sk), 0);
	facts->cookie = bpf_get_socket_cookie(sk);
}

/* The client's handshake is done. */
static __always_inline void establish_client(struct sock *sk, struct facts *facts, bool is_older)
{
	read_tuple(sk, true, facts);
	if (!is_older) /* when it was there before the programs, nobody knows since when it tried */
		facts->connect_microseconds = microseconds(
			segment_clock(bpf_skc_to_tcp_sock(sk), facts->opened_nanoseconds) - facts->opened_nanoseconds);
	facts->opened = 1;
}

/* Not inlined, since it is seldom: there is no place among the young. `role` is a number that the verifier may know. */
static __noinline int begin_in_table(struct sock *sk, int role)
{
	struct connection connection = {};

	if (role == ROLE_CLIENT)
		begin_client(sk, &connection.facts);
	else
		begin_server(sk, true, &connection.facts);
	add_connection(address_of(sk), &connection, false);
	return 0;
}

/* A socket connects again, and the CLOSE event of its attempt before was missed: by its cookie the entry would be taken for the new one's. */
static __noinline int end_before(struct sock *sk)
{
	__u64 key = address_of(sk);

	if (find_connection(sk, &key))
		move_aside(key);
	return 0;
}

static __always_inline void begin(struct sock *sk, enum tcp_role role)
{
	struct young *young = take_young(number_of(sk));

	if (sk->__sk_common.skc_cookie.counter)
		end_before(sk);
	if (!young) {
		begin_in_table(sk, role);
		return;
	}
	if (role == ROLE_CLIENT)
		begin_client(sk, &young->facts);
	else
		begin_server(sk, true, &young->facts);
	set_state(young, YOUNG_READY);
}

/* Returns whether an attempt of this socket's was known, which has succeeded. */
static __always_inline bool establish_young(struct sock *sk)
{
	__u64 word;
	struct young *young = find_young(number_of(sk), sk->__sk_common.skc_cookie.counter, &word);

	if (!young || young->facts.role != ROLE_CLIENT || young->facts.opened || !change(young, word, YOUNG_HELD))
		return false;
	establish_client(sk, &young->facts, false);
	set_state(young, YOUNG_OPENED);
	return true;
}

static __noinline int establish_in_table(struct sock *sk)
{
	__u64 key = address_of(sk);
	struct connection *connection = find_connection(sk, &key);

	if (!connection || connection->facts.role != ROLE_CLIENT || connection->facts.opened)
		return 0;
	establish_client(sk, &connection->facts, connection->older);
	return 1;
}

static __always_inline void follow_established(struct sock *sk, int oldstate)
{
	bool may_be_known = oldstate != TCP_SYN_RECV || sk->__sk_common.skc_cookie.counter; /* a child has no cookie yet */

	if (may_be_known && (establish_young(sk) || establish_in_table(sk)))
		return;
	if (oldstate != TCP_SYN_SENT)
		begin(sk, ROLE_SERVER);
}

/* Returns false when the socket is not among the young, or no more. */
static __always_inline bool close_young(struct sock *sk, bool was_open, bool is_shut)
{
	__u64 word;
	struct young *young = find_young(number_of(sk), sk->__sk_common.skc_cookie.counter, &word);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct counters final = {};
	__u32 error;

	if (!young || !change(young, word, YOUNG_HELD))
		return false;
	if (!young->facts.opened)
		read_tuple(sk, false, &young->facts); /* the port was chosen since */
	if (tp)
		read_counters(tp, true, &final);
	error = end_facts(sk, was_open, is_shut, &young->facts);
	end_young(young, &final, error);
	return true;
}

static __noinline int close_in_table(struct sock *sk, bool was_open, bool is_shut)
{
	__u64 key = address_of(sk);
	struct connection *connection = find_connection(sk, &key);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool claimed;

	if (!connection)
		return 0;
	claimed = claim(connection);
	if (!claimed && *(volatile __u8 *)&connection->closed)
		return 1; /* the walk is about to tell it (walk_closed) */
	if (claimed && !connection->facts.opened)
		read_tuple(sk, false, &connection->facts); /* the port was chosen since */
	if (tp)
		read_counters(tp, true, &connection->final);
	else
		as_reported(connection, &connection->final);
	connection->error = end_facts(sk, was_open, is_shut, &connection->facts);
	if (claimed && report(connection, &connection->final, REPORT_CLOSED)) {
		forget(&connections, key, connection->slot);
		return 1;
	}
	connection->closed = 1;
	/* Not at the address: the walk may have it in hand when the next socket begins there. */
	if (!claimed || !wait_aside(key, connection)) {
		fill_slot(connection->slot, key);
		if (claimed)
			release(connection);
	}
	count_loss(deferred);
	return 1;
}

/*
 * A server's end whose begin was left out, which has no cookie therefore: what was begun has one. So it is told whole. Not inlined, since it is
 * seldom.
 */
static __noinline int close_unknown(struct sock *sk, bool was_open, bool is_shut)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct counters final = {};
	struct young young = {};
	__u32 error;

	if (!tp || sk->__sk_common.skc_cookie.counter)
		return 0;
	bpf_get_socket_cookie(sk); /* it is not met again, whatever it was */
	if (!was_open || !sk->__sk_common.skc_dport)
		return 0;
	begin_server(sk, false, &young.facts);
	if (!was_accepted(sk, &young.facts))
		return 0;
	young.facts.opened_nanoseconds = opened_about(tp);
	read_counters(tp, true, &final);
	error = end_facts(sk, true, is_shut, &young.facts);
	end_young(&young, &final, error);
	return 1;
}

/* Returns whether the connection was known. */
static __always_inline bool close_connection(struct sock *sk, bool was_open, bool is_shut)
{
	return close_young(sk, was_open, is_shut) || close_in_table(sk, was_open, is_shut);
}

static __always_inline void follow_close(struct sock *sk, int oldstate)
{
	bool was_open = oldstate != TCP_SYN_SENT && oldstate != TCP_SYN_RECV;
	bool is_shut = sk->sk_shutdown == SHUTDOWN_MASK;

	name_followed(sk);
	if (!close_connection(sk, was_open, is_shut))
		close_unknown(sk, was_open, is_shut);
}

/*
 * Of a socket that is closed, by an event that may have been left out. Each attempt begins with rcv_nxt at 0, and has it from the other side when that answers.
 * Not inlined, since it is seldom.
 */
static __noinline int close_late(struct sock *sk, bool is_shut)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool was_open = tp && tp->rcv_nxt != 0;

	if (close_connection(sk, was_open, is_shut) || close_unknown(sk, was_open, is_shut))
		count_loss(nested);
	return 0;
}
