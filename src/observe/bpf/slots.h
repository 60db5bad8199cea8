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

/* Behind each slot that is free again the next such one, plus one; 0 ends the list. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} next_free SEC(".maps");

__u32 slots_used;

/*
 * The last slot that became free, plus one, and in the upper half a number that is never the same: who takes it knows that
 * nobody else did meanwhile. The last one is taken first, since it is still in the cache. The kernel's own stack
 * (BPF_MAP_TYPE_STACK) takes four times as long, for its lock.
 */
__u64 free_head;

/* Who fails was beaten by another processor each time. */
#define FREE_TRIES 64

/* Returns false when there is none: the table is full. */
static __always_inline bool take_slot(__u32 *index)
{
	for (int i = 0; i < FREE_TRIES; i++) {
		__u64 head = *(volatile __u64 *)&free_head;
		__u32 *next;

		*index = (__u32)head - 1;
		next = bpf_map_lookup_elem(&next_free, index); /* none for the end of the list */
		if (!next)
			break;
		if (__sync_val_compare_and_swap(&free_head, head, ((head >> 32) + 1) << 32 | *next) == head)
			return true;
	}
	*index = __sync_fetch_and_add(&slots_used, 1);
	if (bpf_map_lookup_elem(&slots, index))
		return true;
	__sync_fetch_and_add(&slots_used, -1);
	return false;
}

static __always_inline void give_back(__u32 index)
{
	__u32 *next = bpf_map_lookup_elem(&next_free, &index);

	for (int i = 0; next && i < FREE_TRIES; i++) {
		__u64 head = *(volatile __u64 *)&free_head;

		*next = head;
		if (__sync_val_compare_and_swap(&free_head, head, ((head >> 32) + 1) << 32 | (index + 1)) == head)
			return;
	}
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
	give_back(index);
}

/* The slot says that it is free before the entry is gone, and before another entry may take it. */
static __always_inline void forget(void *table, __u64 key, __u32 index)
{
	clear_slot(index);
	bpf_map_delete_elem(table, &key);
	give_back(index);
}
