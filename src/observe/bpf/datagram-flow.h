/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The flow of a packet: found by its hash, made, counted. Included by datagram.bpf.c only. */
#pragma once

static __always_inline bool is_equal(const struct flow_key *one, const struct flow_key *other)
{
	const __u64 *a = (const __u64 *)one;
	const __u64 *b = (const __u64 *)other;

	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (a[5] ^ b[5]) |
		(a[6] ^ b[6])) == 0;
}

static __always_inline bool is_unused(const struct flow *flow)
{
	return (flow->counts.packets_sent | flow->counts.packets_received) == 0;
}

static __always_inline bool add_flow(__u64 id, const struct packet *packet, bool is_egress)
{
	struct flow flow = {};
	struct slot *slot;
	long result;

	if (id == 0 || !take_slot(&flow.slot)) /* 0 is a free slot's; one hash in 2^64 */
		return false;
	flow.key = packet->key;
	flow.last_tick = bpf_jiffies64();
	flow.first_seen = bpf_ktime_get_coarse_ns(); /* exact to a timer tick, as every time of a flow */
	flow.icmp_type_code = packet->icmp_type_code;
	flow.flags = DATAGRAM_FIRST | (is_egress ? DATAGRAM_LOCAL_FIRST : 0);
	result = bpf_map_update_elem(&flows, &id, &flow, BPF_NOEXIST);
	if (result != 0) {
		free_slot(flow.slot);
		return result == -EEXIST; /* another processor was quicker */
	}
	slot = bpf_map_lookup_elem(&slots, &flow.slot);
	if (slot)
		slot->key = id;
	return true;
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

static __always_inline void count(struct __sk_buff *skb, const struct packet *packet, struct counts *counts, bool is_egress)
{
	__u64 packets = skb->gso_segs > 1 ? skb->gso_segs : 1;
	/* Each segment of a train gets the headers of its own. */
	__u64 bytes = skb->len + (packets - 1) * (packet->header_length + 8);

	if (is_egress) {
		__sync_fetch_and_add(&counts->packets_sent, packets);
		__sync_fetch_and_add(&counts->bytes_sent, bytes);
	} else {
		__sync_fetch_and_add(&counts->packets_received, packets);
		__sync_fetch_and_add(&counts->bytes_received, bytes);
	}
}
