/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A table's entries side by side. The buckets of a hash table, as many as it may have entries, take long to look through when most
 * are empty; the walk goes through the slots that were ever used instead. Included by one .bpf.c each, where `struct slot` is
 * defined: it begins with the entry's `key`, 0 in a free slot. User space makes both maps as large as the table.
 */
#pragma once

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Those below `slots_used` that are free again. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 65536);
	__type(value, __u32);
} free_slots SEC(".maps");

__u32 slots_used;

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

static __always_inline void clear_slot(__u32 index)
{
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (slot)
		slot->key = 0;
}

/* Of a slot whose entry is not there, or was never made. */
static __always_inline void free_slot(__u32 index)
{
	clear_slot(index);
	bpf_map_push_elem(&free_slots, &index, BPF_ANY);
}

/* The slot says that it is free before the entry is gone, and before another entry may take it. */
static __always_inline void forget(void *table, __u64 key, __u32 index)
{
	clear_slot(index);
	bpf_map_delete_elem(table, &key);
	bpf_map_push_elem(&free_slots, &index, BPF_ANY);
}
