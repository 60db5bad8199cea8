/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Slots taken, filled and given back. Included by tcp.bpf.c only. */
#pragma once

/* Returns false when there is none: the table is full. */
static __always_inline bool take_slot(__u32 *index)
{
	if (!bpf_map_pop_elem(&free_slots, index))
		return true;
	*index = __sync_fetch_and_add(&slots_used, 1);
	if (bpf_map_lookup_elem(&slots, index))
		return true;
	__sync_fetch_and_add(&slots_used, -1);
	return false;
}

/* `socket` is 0 when the next walk has something to do whether counters move or not. */
static __always_inline void fill_slot(__u32 index, __u64 key, __u64 socket)
{
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (!slot)
		return;
	slot->socket = socket;
	slot->key = key;
}

static __always_inline void free_slot(__u32 index)
{
	fill_slot(index, 0, 0);
	bpf_map_push_elem(&free_slots, &index, BPF_ANY);
}

/* The slot says that it is free before the entry is gone and before another connection may take it. */
static __always_inline void forget(__u64 key, const struct connection *connection)
{
	__u32 index = connection->slot;

	fill_slot(index, 0, 0);
	bpf_map_delete_elem(&connections, &key);
	bpf_map_push_elem(&free_slots, &index, BPF_ANY);
}
