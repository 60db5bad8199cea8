/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* An entry of `connections` from when it is made to its last report. Included by tcp.bpf.c only. */
#pragma once

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
	struct totals *reported = &connection->reported;
	struct tcp_report *record = bpf_ringbuf_reserve(&reports, sizeof(*record), 0);
	__u64 record_bytes_sent, record_bytes_received;
	/* Read once: a handshake may end meanwhile, and is then in the next report. */
	bool opened = *(volatile __u8 *)&connection->facts.opened;
	bool opens = opened && !connection->opening_reported;

	if (!record)
		return false;
	if (connection->older)
		flags |= REPORT_OLDER;
	if (!connection->any_reported)
		flags |= REPORT_FIRST;
	if (!opened)
		flags |= REPORT_UNOPENED;
	if (opens)
		flags |= REPORT_OPENED;
	record_bytes_sent = moved(now->bytes_sent, reported->bytes_sent);
	record_bytes_received = moved(now->bytes_received, reported->bytes_received);
	record->bytes_sent = record_bytes_sent;
	record->bytes_received = record_bytes_received;
	record->segments_sent = moved(now->segments_sent, reported->segments_sent);
	record->segments_received = moved(now->segments_received, reported->segments_received);
	record->retransmits = moved(now->retransmits, reported->retransmits);
	record->srtt_microseconds = now->srtt_microseconds;
	record->minimum_rtt_microseconds = now->minimum_rtt_microseconds;
	write_facts(record, &connection->facts, opens || !opened, connection->error, flags);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	reported->bytes_sent += record_bytes_sent;
	reported->bytes_received += record_bytes_received;
	reported->segments_sent = now->segments_sent;
	reported->segments_received = now->segments_received;
	reported->retransmits = now->retransmits;
	connection->any_reported = 1;
	if (opens)
		connection->opening_reported = 1;
	return true;
}

/* What the reports so far add up to, as the last report that there will be, or the first of an attempt. */
static __always_inline void as_reported(const struct connection *connection, struct counters *counters)
{
	const struct totals *reported = &connection->reported;

	counters->bytes_sent = reported->bytes_sent;
	counters->bytes_received = reported->bytes_received;
	counters->segments_sent = reported->segments_sent;
	counters->segments_received = reported->segments_received;
	counters->retransmits = reported->retransmits;
	counters->srtt_microseconds = 0;
	counters->minimum_rtt_microseconds = 0;
}

/* An end that waits for room goes to a key of its own; the caller has the claim. Returns false when there is no room for it. */
static __noinline int wait_aside(__u64 address, struct connection *connection)
{
	__u64 key = key_aside();
	struct connection *copy;

	if (!connection || bpf_map_update_elem(&connections, &key, connection, BPF_NOEXIST))
		return 0;
	fill_slot(connection->slot, key);
	copy = bpf_map_lookup_elem(&connections, &key);
	if (copy)
		release(copy); /* nobody had it before */
	bpf_map_delete_elem(&connections, &address);
	return 1;
}

/*
 * What is at the address of a socket that begins: an end that still waits for room in the ring buffer is reported now, or moves
 * aside. So does a connection whose CLOSE event was missed. Returns false while the walk has it in hand. Not inlined, since it is
 * seldom.
 */
static __noinline int move_aside(__u64 address)
{
	struct connection *waiting = bpf_map_lookup_elem(&connections, &address);
	__u32 index;

	if (!waiting)
		return 1;
	if (!claim(waiting))
		return 0;
	index = waiting->slot;
	if (!waiting->closed) {
		count_loss(missed);
		if (!waiting->facts.opened && !waiting->any_reported) {
			forget(&connections, address, index); /* nobody knows what became of it */
			return 1;
		}
		as_reported(waiting, &waiting->final);
		end_attempt(&waiting->facts);
		waiting->closed = 1;
	}
	if (report(waiting, &waiting->final, REPORT_CLOSED)) {
		forget(&connections, address, index);
		return 1;
	}
	if (wait_aside(address, waiting))
		return 1;
	forget(&connections, address, index);
	count_loss(overwritten);
	return 1;
}

/*
 * `key` is the address of the TCP socket. `is_older`: it was there before, and an entry at its address is its own, found by another of
 * its files.
 */
static __always_inline void add_connection(__u64 key, struct connection *connection, bool is_older)
{
	long error;

	if (!take_slot(&connection->slot)) {
		count_loss(table_full);
		return;
	}
	error = bpf_map_update_elem(&connections, &key, connection, BPF_NOEXIST);
	if (error == -EEXIST && !is_older) {
		if (!move_aside(key))
			key += BESIDE;
		error = bpf_map_update_elem(&connections, &key, connection, BPF_NOEXIST);
	}
	if (!error)
		return fill_slot(connection->slot, key);
	free_slot(connection->slot);
	/* The table is full, or the kernel has no memory for an entry at hand. */
	if (error != -EEXIST || !is_older)
		count_loss(table_full);
}

/* The entry of a socket, whose address is `key`: at the address, or beside what still stands there. */
static __always_inline struct connection *find_connection(struct sock *sk, __u64 *key)
{
	struct connection *connection = bpf_map_lookup_elem(&connections, key);

	if (connection && is_of_socket(sk, true, &connection->facts))
		return connection;
	*key += BESIDE;
	connection = bpf_map_lookup_elem(&connections, key);
	return connection && is_of_socket(sk, true, &connection->facts) ? connection : 0;
}
