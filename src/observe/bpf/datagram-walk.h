/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The look at every flow that user space asks for once a poll. Included by datagram.bpf.c only. */
#pragma once

struct walk {
	__u64 now; /* of `tick` */
	__u64 tick;
	__u64 walked;
	__u64 deferred;
	__u64 hurry; /* shift of the idle times: a table that fills forgets sooner */
};

static __always_inline bool report(struct flow *flow, const struct counts *now, __u64 last_seen)
{
	const struct flow_key *key = &flow->key;
	struct datagram_report *record = bpf_ringbuf_reserve(&reports, sizeof(*record), 0);

	if (!record)
		return false;
	record->bytes_sent = now->bytes_sent - flow->reported.bytes_sent;
	record->bytes_received = now->bytes_received - flow->reported.bytes_received;
	record->first_seen_nanoseconds = flow->first_seen;
	record->last_seen_nanoseconds = last_seen;
	record->cgroup_id = key->cgroup_id;
	record->packets_sent = now->packets_sent - flow->reported.packets_sent;
	record->packets_received = now->packets_received - flow->reported.packets_received;
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
	flow->reported = *now;
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

static __always_inline void add_seated(struct counts *now, const struct seat *seat)
{
	now->bytes_sent += seat->counts.bytes_sent;
	now->bytes_received += seat->counts.bytes_received;
	now->packets_sent += seat->counts.packets_sent;
	now->packets_received += seat->counts.packets_received;
}

/* A flow that ends, or whose packets are another socket's by now, loses its seat, and is looked at again when that has rested. */
static __always_inline void walk_seat(struct seat *seat, struct flow *flow, const struct walk *walk, bool has_ended)
{
	if (seat->socket == 0) {
		if ((walk->tick - seat->last_tick) * tick_nanoseconds >= SEAT_REST)
			free_seat(seat, flow);
	} else if (has_ended || seat->socket != flow->socket) {
		take_back(seat, flow, walk->tick);
	}
}

/* Returns false when the ring buffer is full: the walk stops, and the next begins anew. */
static __always_inline bool walk_flow(__u64 id, struct flow *flow, struct walk *walk)
{
	__u64 limit = (is_icmp(flow->key.protocol) ? icmp_idle_nanoseconds : udp_idle_nanoseconds) >> walk->hurry;
	struct seat *seat = seat_of(id, flow);
	__u64 last_tick = flow->last_tick;
	struct counts now = flow->counts;
	__u64 ticks, last_seen, moved;
	bool has_ended;

	if (seat) {
		add_seated(&now, seat);
		if (seat->socket && seat->last_tick > last_tick)
			last_tick = seat->last_tick;
	}
	ticks = walk->tick > last_tick ? walk->tick - last_tick : 0;
	has_ended = ticks * tick_nanoseconds > limit;
	last_seen = walk->now - ticks * tick_nanoseconds;
	moved = now.packets_sent - flow->reported.packets_sent + now.packets_received - flow->reported.packets_received;
	if (last_seen < flow->first_seen)
		last_seen = flow->first_seen;
	if (may_be_queued(flow, walk))
		return true;
	if (moved && !report(flow, &now, last_seen)) {
		walk->deferred++;
		return false;
	}
	if (seat)
		walk_seat(seat, flow, walk, has_ended);
	else if (has_ended)
		forget(&flows, id, flow->slot);
	else if (moved >= SEAT_PACKETS)
		give_seat(id, flow);
	return true;
}

static long walk_slot(void *map, const __u32 *index, struct slot *slot, struct walk *walk)
{
	struct flow *flow;
	__u64 key = slot->key;

	if (*index >= slots_used)
		return 1;
	if (key == 0)
		return 0;
	walk->walked++;
	flow = bpf_map_lookup_elem(&flows, &key);
	return flow && !walk_flow(key, flow, walk);
}
