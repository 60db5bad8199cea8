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

enum closed {
	CLOSED_UNKNOWN, /* there is no entry of this socket */
	CLOSED_NOW,
	CLOSED_BEFORE, /* the walk had it in hand, or was first (walk_closed) */
};

/* Returns false when the socket is not among the young, or no more. */
static __always_inline bool close_young(struct sock *sk, bool was_open, enum shut shut)
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
	error = end_facts(sk, was_open, shut, &young->facts);
	end_young(young, &final, error);
	return true;
}

/* Returns enum closed. */
static __noinline int close_in_table(struct sock *sk, bool was_open, enum shut shut)
{
	__u64 key = address_of(sk);
	struct connection *connection = find_connection(sk, &key);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool claimed, was_closed;

	if (!connection)
		return CLOSED_UNKNOWN;
	if (!connection->facts.cookie)
		bpf_get_socket_cookie(sk); /* a subflow's: it is not met again as one whose begin was left out */
	claimed = claim(connection);
	if (!is_of_socket(sk, true, &connection->facts)) { /* it was told since it was found, and its memory is another's */
		if (claimed)
			release(connection);
		return CLOSED_UNKNOWN;
	}
	was_closed = *(volatile __u8 *)&connection->closed;
	if (was_closed && !claimed)
		return CLOSED_BEFORE;
	if (!was_closed) {
		if (claimed && !connection->facts.opened)
			read_tuple(sk, false, &connection->facts); /* the port was chosen since */
		if (tp)
			read_counters(tp, true, &connection->final);
		else
			as_reported(connection, &connection->final);
		connection->error = end_facts(sk, was_open, shut, &connection->facts);
		connection->closed = 1;
	}
	if (claimed && report(connection, &connection->final, REPORT_CLOSED)) {
		forget(&connections, key, connection->slot);
		return was_closed ? CLOSED_BEFORE : CLOSED_NOW;
	}
	/* Not at the address: the walk may have it in hand when the next socket begins there. */
	if (!claimed || !wait_aside(key, connection)) {
		fill_slot(connection->slot, key);
		if (claimed)
			release(connection);
	}
	count_loss(deferred);
	return was_closed ? CLOSED_BEFORE : CLOSED_NOW;
}

static __always_inline enum closed close_connection(struct sock *sk, bool was_open, enum shut shut)
{
	return close_young(sk, was_open, shut) ? CLOSED_NOW : close_in_table(sk, was_open, shut);
}

/*
 * A server's end whose begin was left out, as it ends. One that was there before the programs is left alone, as far as that can be told. Not inlined, since it is
 * seldom. Returns whether it is known now.
 */
static __noinline int begin_unknown(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u64 opened = tp ? opened_meanwhile(tp, sk->__sk_common.skc_cookie.counter) : 0;
	struct young *young;

	if (!opened || !sk->__sk_common.skc_dport || !was_accepted(sk, network_namespace_of(sk)))
		return 0;
	young = take_place(number_of(sk));
	if (!young) {
		count_loss(missed);
		return 0;
	}
	begin_server(sk, false, &young->facts);
	young->facts.opened_nanoseconds = opened;
	set_state(young, YOUNG_READY);
	return 1;
}

/*
 * Of a socket that is closed, or closes: what was left out of it is found. `may_begin`: nobody told of its end before, so that where no entry is there its begin was left
 * out. Not inlined, since it is seldom.
 */
static __noinline int close_late(struct sock *sk, bool was_open, enum shut shut, bool may_begin)
{
#pragma nounroll
	for (int i = 0; i < 2; i++) {
		enum closed closed = close_connection(sk, was_open, shut);

		if (closed == CLOSED_NOW)
			count_loss(nested);
		if (closed != CLOSED_UNKNOWN || !may_begin || i > 0 || !begin_unknown(sk))
			break;
	}
	return 0;
}

/* What is not among the young. Not inlined, since it is seldom. */
static __noinline int close_unknown(struct sock *sk, int oldstate)
{
	bool was_open = oldstate != TCP_SYN_SENT && oldstate != TCP_SYN_RECV;

	if (close_in_table(sk, was_open, SHUT_AS_SOCKET_SAYS) == CLOSED_UNKNOWN && was_open && oldstate != TCP_CLOSE)
		close_late(sk, true, SHUT_AS_SOCKET_SAYS, true);
	return 0;
}

static __always_inline void follow_close(struct sock *sk, int oldstate)
{
	bool was_open = oldstate != TCP_SYN_SENT && oldstate != TCP_SYN_RECV;

	name_followed(sk);
	if (!close_young(sk, was_open, SHUT_AS_SOCKET_SAYS))
		close_unknown(sk, oldstate);
}

/*
 * Behind the CLOSE event, if there was one: who has a cookie has been followed at least once, or somebody else asked for it. Each attempt begins with rcv_nxt at 0, and has
 * it from the other side when that answers.
 */
static __always_inline void follow_closed(struct sock *sk, enum shut shut)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	bool was_open = tp && tp->rcv_nxt != 0;

	close_late(sk, was_open, shut, was_open && sk->__sk_common.skc_cookie.counter == 0);
}
