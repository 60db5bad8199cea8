/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The slots of `connections`. Included by tcp.bpf.c only. */
#pragma once

/*
 * All that the walk touches of a socket that stands still, but for the two counters in the socket itself. With 0 as `socket` the
 * walk looks at the entry in any case.
 */
struct slot {
	__u64 key; /* in `connections`; 0 in a free slot */
	__u64 socket;
	__u32 segments_sent; /* as last reported */
	__u32 segments_received;
};

#include "slots.h"

/* `socket` is 0 when the next walk has something to do whether counters move or not. */
static __always_inline void fill_slot(__u32 index, __u64 key, __u64 socket)
{
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);

	if (!slot)
		return;
	slot->socket = socket;
	slot->key = key;
}
