/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Seats: counters of busy UDP flows where they are found without a call. A packet of such a flow needs neither its socket's storage
 * nor the table of flows, which take two thirds of a packet's time. The walk gives seats and takes them back. Included by
 * datagram.bpf.c only.
 */
#pragma once

#define SEAT_BITS 10
/* A flow that had so many packets between two walks gets a seat. */
#define SEAT_PACKETS 64
/* A program that has just found a seat is done with it long before. */
#define SEAT_REST (SECOND / 2)

/* 96 bytes, 96 KiB for all. What the packets' programs compare is written while `socket` is 0. */
struct seat {
	struct counts counts;
	__u64 last_tick; /* of the last packet; of a seat that was taken back, when */
	__u64 socket;    /* cookie of the one socket whose packets count here; 0 in a seat that is free or was taken back */
	union address local_address;
	union address remote_address;
	__u64 flow;      /* key in `flows`; 0 in a free seat */
	union ports ports;
	__u32 reserved;
};
_Static_assert(sizeof(struct seat) == 96, "whole words");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << SEAT_BITS);
	__type(key, __u32);
	__type(value, struct seat);
} seats SEC(".maps");

extern void *bpf_cast_to_kern_ctx(void *context) __ksym __weak;

/* Of the packet's socket; 0 when it has none yet. Loads only, by a function that the verifier replaces (Linux 6.2). */
static __always_inline __u64 cookie_of(struct __sk_buff *skb)
{
	struct sk_buff *buffer = bpf_cast_to_kern_ctx(skb);
	struct sock *sk = buffer->sk;

	return sk ? (__u64)sk->__sk_common.skc_cookie.counter : 0;
}

/* Where two busy flows have one place, the second has no seat. Whoever chooses flows so has them counted as fast as others' are. */
static __always_inline struct seat *find_seat(const struct flow_key *key)
{
	const __u64 *local = key->local_address.words;
	const __u64 *remote = key->remote_address.words;
	__u64 hash = (local[0] ^ local[1]) * 0x9e3779b97f4a7c15 + (remote[0] ^ remote[1]) * 0xc2b2ae3d27d4eb4f +
		     key->ports.word * 0x165667b19e3779f9;
	__u32 index = hash >> (64 - SEAT_BITS);

	return bpf_map_lookup_elem(&seats, &index);
}

/* Returns false when the packet has to be counted with its flow. A copy of what several sockets get is counted there. */
static __always_inline bool count_at_seat(struct __sk_buff *skb, const struct packet *packet, __u64 cookie, bool is_egress)
{
	const __u64 *local = packet->key.local_address.words;
	const __u64 *remote = packet->key.remote_address.words;
	struct seat *seat = find_seat(&packet->key);

	if (!seat || seat->socket != cookie)
		return false;
	if ((seat->local_address.words[0] ^ local[0]) | (seat->local_address.words[1] ^ local[1]) |
	    (seat->remote_address.words[0] ^ remote[0]) | (seat->remote_address.words[1] ^ remote[1]) |
	    (seat->ports.word ^ packet->key.ports.word))
		return false;
	if (!is_egress && skb->pkt_type != PACKET_HOST)
		return false;
	seat->last_tick = bpf_jiffies64();
	count(skb, packet, &seat->counts, is_egress);
	return true;
}

/* The flow's own seat, or 0. */
static __always_inline struct seat *seat_of(__u64 id, const struct flow *flow)
{
	struct seat *seat = flow->is_seated ? find_seat(&flow->key) : 0;

	return seat && seat->flow == id ? seat : 0;
}

/* DNS has to be copied, and who sends to be named, with the flow. */
static __always_inline bool may_be_seated(const struct flow *flow)
{
	return flow->key.protocol == IPPROTO_UDP && flow->socket && flow->process && flow->receiver.socket == 0 &&
	       !(with_dns && flow->key.ports.remote == DNS_PORT);
}

static __always_inline void give_seat(__u64 id, struct flow *flow)
{
	struct seat *seat;

	if (flow->is_seated || !may_be_seated(flow))
		return;
	seat = find_seat(&flow->key);
	if (!seat || seat->flow)
		return;
	seat->flow = id;
	seat->local_address = flow->key.local_address;
	seat->remote_address = flow->key.remote_address;
	seat->ports = flow->key.ports;
	seat->last_tick = flow->last_tick;
	flow->is_seated = 1;
	__sync_lock_test_and_set(&seat->socket, flow->socket); /* last: another processor takes it to mean that the rest is there */
}

/* Nobody finds it from now on; what it counted is the flow's when it has rested. */
static __always_inline void take_back(struct seat *seat, struct flow *flow, __u64 tick)
{
	flow->last_tick = seat->last_tick > flow->last_tick ? seat->last_tick : flow->last_tick;
	seat->last_tick = tick;
	__sync_lock_test_and_set(&seat->socket, 0);
}

static __always_inline void add_counts(struct counts *to, const struct counts *from)
{
	__sync_fetch_and_add(&to->bytes_sent, from->bytes_sent);
	__sync_fetch_and_add(&to->bytes_received, from->bytes_received);
	__sync_fetch_and_add(&to->packets_sent, from->packets_sent);
	__sync_fetch_and_add(&to->packets_received, from->packets_received);
}

/* What was counted at the seat becomes the flow's, and the seat is free. */
static __always_inline void free_seat(struct seat *seat, struct flow *flow)
{
	add_counts(&flow->counts, &seat->counts);
	__builtin_memset(&seat->counts, 0, sizeof(seat->counts));
	flow->is_seated = 0;
	seat->flow = 0;
}
